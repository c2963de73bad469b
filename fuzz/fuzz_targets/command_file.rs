//! A command file of every kind; what was read before an error counts.
#![no_main]

use engine::commands::files::{CommandFile, decode, pairs, process};
use engine::commands::{Effects, Said};
use libfuzzer_sys::fuzz_target;
use sandbox::Collected;

fuzz_target!(|content: &[u8]| {
    let mut names = 0;
    let _ = pairs(&decode(content), |name, _| {
        assert!(!name.is_empty());
        names += 1;
    });
    for file in CommandFile::ALL {
        let mut effects = Effects::default();
        for said in process(file, &Collected::Content(content.to_vec())) {
            if let Said::Change(effect) = said {
                let _ = effects.apply(effect);
            }
        }
        assert!(effects.outputs.len() <= names);
    }
});
