//! The description of the API is the one in `docs/openapi.json`: a change of a route shows in the change.

use std::path::Path;

#[test]
fn the_description_is_the_one_that_is_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let now = server::rest::openapi();
    if std::env::var_os("EKIDEN_WRITE").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap();
    let differs = now.lines().zip(before.lines()).find(|(now, before)| now != before);
    assert!(
        now == before,
        "docs/openapi.json is not what the routes are; first line that differs: {differs:?}. Write it anew with \
         `EKIDEN_WRITE=1 cargo test -p ekiden-server --test it openapi`, and look at what changed: only additions are allowed"
    );
}

#[test]
fn each_route_says_what_it_needs_and_gives() {
    let document: serde_json::Value = serde_json::from_str(server::rest::openapi()).unwrap();
    let mut ids = std::collections::HashSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert!(operation["description"].as_str().unwrap().starts_with("Needs "), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
        }
    }
    assert!(ids.len() > 80, "{}", ids.len());
    // Each shape that is named is there.
    let text = server::rest::openapi();
    for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
}
