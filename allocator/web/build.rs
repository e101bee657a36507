//! Puts what `scripts/web-assets` has fetched into the program. Without it the program is whole but
//! for the pages that need it, which say so.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=fetched");
    let root = fs::canonicalize(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?)?;
    let fetched = root.join("fetched");
    let mut files = Vec::new();
    if fetched.is_dir() {
        scripts(&fetched, &mut files)?;
    }
    files.sort();
    let mut table = "static FETCHED: &[(&str, &[u8])] = &[\n".to_owned();
    for file in &files {
        let name = file.strip_prefix(&fetched).map_err(io::Error::other)?.display();
        let path = file.display().to_string();
        writeln!(table, "(\"{name}\", include_bytes!({path:?})),").map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("fetched.rs"), table)
}

/// Every script in the folder and in those within.
fn scripts(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            scripts(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "js") {
            files.push(path);
        }
    }
    Ok(())
}
