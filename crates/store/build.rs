//! Builds the crate again when a migration comes or changes.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
