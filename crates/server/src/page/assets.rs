//! Our own files: the style sheet, the scripts, the icons. They are part of the program; their address holds a sum of all of them, so that browsers may
//! keep them for ever. Called by `links` and by the routes.

use super::colour::{colour, letters};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// A file.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) kind: &'static str,
    /// What is in it.
    pub(crate) text: String,
}

static ASSETS: LazyLock<(String, Vec<Asset>)> = LazyLock::new(|| {
    let file = |name, kind, text: &str| Asset { name, kind, text: text.to_owned() };
    let mut all = vec![
        file("script.js", "text/javascript; charset=utf-8", include_str!("../../assets/script.js")),
        file("log.js", "text/javascript; charset=utf-8", include_str!("../../assets/log.js")),
        file("style.css", "text/css; charset=utf-8", include_str!("../../assets/style.css")),
    ];
    for (name, colour) in [("idle", "#64748b"), ("going", "#2f81f7"), ("good", "#2da44e"), ("bad", "#e5534b")] {
        let name = match name {
            "going" => "icon-going.svg",
            "good" => "icon-good.svg",
            "bad" => "icon-bad.svg",
            _ => "icon.svg",
        };
        all.push(file(name, "image/svg+xml", &include_str!("../../assets/icon.svg").replace("#64748b", colour)));
    }
    if let Some(style) = all.iter_mut().find(|asset| asset.name == "style.css") {
        for number in 0..=u8::MAX {
            let (letters, ground) = (letters(number), colour(number));
            let _ = write!(style.text, ".f{number}{{color:{letters}}}.g{number}{{background:{ground}}}");
        }
    }
    let mut sum = crc32fast::Hasher::new();
    all.iter().for_each(|asset| sum.update(asset.text.as_bytes()));
    (format!("{:08x}", sum.finalize()), all)
});

/// The sum over all files.
pub(crate) fn version() -> &'static str {
    &ASSETS.0
}

/// The file of a name.
pub(crate) fn asset(name: &str) -> Option<&'static Asset> {
    ASSETS.1.iter().find(|asset| asset.name == name)
}
