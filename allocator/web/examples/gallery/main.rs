//! Renders every page in every state into a folder, to look at and to test in browsers:
//! `cargo run -p lablink-web --example gallery -- FOLDER`, then serve FOLDER.

mod logs;
mod operations;
mod organiser;
mod participants;
mod pool;
mod results;
mod way_in;

use std::{env, fs, io::Write, path::Path};

use askama::Template;
use jiff::{SignedDuration, Timestamp};
use lablink_web::pages::assets;

const SCRIPT: &str = "<script>alert('not escaped')</script>";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args().nth(1).ok_or("say which folder to write to")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder.join("assets"))?;
    for asset in assets::ALL {
        fs::write(folder.join("assets").join(asset.name), asset.bytes)?;
    }
    let mut pages = Vec::new();
    participants::add_all(&mut pages)?;
    pool::add_all(&mut pages)?;
    operations::add_all(&mut pages)?;
    organiser::add_all(&mut pages)?;
    way_in::add_all(&mut pages)?;
    results::add_all(&mut pages)?;
    logs::add_all(&mut pages)?;
    let mut index = String::from("<!doctype html><title>Gallery</title><ul>");
    for (name, html) in &pages {
        fs::write(folder.join(format!("{name}.html")), html)?;
        index += &format!("<li><a href=\"{name}.html\">{name}</a> {} bytes", html.len());
    }
    fs::write(folder.join("index.html"), index)?;
    writeln!(std::io::stdout(), "{} pages", pages.len())?;
    Ok(())
}

type Pages = Vec<(String, String)>;

fn add(pages: &mut Pages, name: &str, page: &impl Template) -> askama::Result<()> {
    pages.push((name.to_owned(), page.render()?));
    Ok(())
}

/// The moment at which the gallery plays.
fn now() -> Timestamp {
    Timestamp::constant(1_786_200_000, 0)
}

fn before(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}
