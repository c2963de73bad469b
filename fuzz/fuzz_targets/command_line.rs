//! The output of a step in chunks: framing gives back every byte once, and no line breaks the commands.
#![no_main]

use engine::commands::CommandRules;
use engine::commands::command::Echo;
use engine::commands::interpreter::Interpreter;
use engine::output::framing::{Frame, Framer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|chunks: Vec<&[u8]>| {
    let mut framer = Framer::default();
    let mut interpreter = Interpreter::new(CommandRules::default(), Echo::On);
    let mut read = |frame: Frame<'_>| {
        let (Frame::Lines(bytes) | Frame::Piece(bytes) | Frame::LastPiece(bytes)) = frame;
        for line in String::from_utf8_lossy(bytes).lines() {
            interpreter.line(line);
        }
        bytes.len()
    };
    let mut given = 0;
    for chunk in &chunks {
        framer.push(chunk);
        while let Some(frame) = framer.frame() {
            let length = read(frame);
            framer.consume(length);
            given += length;
        }
    }
    if let Some(frame) = framer.finish() {
        given += read(frame);
    }
    let taken: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    assert!(given <= taken + 1);
});
