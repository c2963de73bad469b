//! `cargo xtask codegen`: `crates/protocol/proto` → `crates/protocol/src/generated`, which is checked in so that no build needs a compiler
//! of protobuf. `--check` says whether what is checked in is what would be made.

use crate::{Outcome, say, tell};
use anyhow::{Context, Result};
use std::path::Path;

#[cfg(feature = "codegen")]
const FILES: [&str; 2] = ["ping/v1/ping.proto", "runner/v1/runner.proto"];

/// Generates, or with `--check` compares.
pub(crate) fn run(args: &[String]) -> Result<Outcome> {
    let root = crate::workspace::Workspace::load()?.workspace_root;
    let made = generate(&root)?;
    let folder = root.join("crates/protocol/src/generated");
    if args.iter().any(|arg| arg == "--check") {
        let stale: Vec<&str> = made
            .iter()
            .filter(|(name, text)| std::fs::read_to_string(folder.join(name)).ok().as_ref() != Some(text))
            .map(|(name, _)| name.as_str())
            .collect();
        for name in &stale {
            tell(&format!(
                "error: crates/protocol/src/generated/{name} is not what `cargo xtask codegen` makes: run it"
            ));
        }
        return Ok(Outcome::of(stale.is_empty()));
    }
    std::fs::create_dir_all(&folder)?;
    for (name, text) in &made {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("crates/protocol/src/generated/{name}: {} lines", text.lines().count()));
    }
    Ok(Outcome::Good)
}

/// Name and text of each file.
#[cfg(feature = "codegen")]
fn generate(root: &Path) -> Result<Vec<(String, String)>> {
    use prost::Message;
    let scratch = root.join("target/codegen");
    std::fs::create_dir_all(&scratch)?;
    let set = protox::compile(FILES, [root.join("crates/protocol/proto")])?;
    let descriptors = scratch.join("descriptors.bin");
    std::fs::write(&descriptors, set.encode_to_vec())?;
    let mut config = connectrpc_build::CodeGenConfig::default();
    config.preserve_unknown_fields = false;
    config.map_fields = vec![(".".to_owned(), buffa_codegen::MapRepr::BTreeMap)];
    connectrpc_build::Config::new()
        .buffa_config(config)
        .generate_json(true)
        .descriptor_set(&descriptors)
        .files(&FILES)
        .out_dir(&scratch)
        .emit_rerun_directives(false)
        .emit_register_fn(false)
        .file_per_package(true)
        .compile()?;
    let mut made = Vec::new();
    for package in ["ping.v1", "runner.v1"] {
        let path = scratch.join(format!("{package}.rs"));
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // A method `Register` has the name of the extension trait's own.
        let text = text.replace("svc.register(ctx, ", "RunnerService::register(&*svc, ctx, ");
        made.push((format!("{}.rs", package.replace('.', "_")), text));
    }
    Ok(made)
}

#[cfg(not(feature = "codegen"))]
fn generate(_: &Path) -> Result<Vec<(String, String)>> {
    anyhow::bail!("this needs the generators: cargo run -p xtask --features codegen -- codegen")
}
