use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;

fn files_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_under(&path, found) } else { found.push(path) }
    }
}

fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files_under(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    let read = |path: PathBuf| (path.clone(), fs::read_to_string(path).unwrap());
    found.into_iter().map(read).collect()
}

/// Values of the attributes that hold URLs.
fn urls(html: &str) -> impl Iterator<Item = &str> {
    const NAMES: [&str; 8] = [
        "href",
        "action",
        "formaction",
        "src",
        "data-live",
        "data-page",
        "data-lines",
        "data-worker",
    ];
    let after = |name: &str| {
        let start = format!("{name}=\"");
        html.match_indices(&start).map(|(at, _)| at + start.len()).collect::<Vec<_>>()
    };
    let starts: Vec<usize> = NAMES.iter().flat_map(|name| after(name)).collect();
    starts.into_iter().map(|at| value(&html[at..]))
}

/// Up to the quote that ends an attribute's value: an expression may have some of its own.
fn value(html: &str) -> &str {
    let mut end = 0;
    loop {
        let rest = &html[end..];
        let quote = rest.find('"').unwrap_or(rest.len());
        match rest.find("{{").filter(|begin| *begin < quote) {
            Some(begin) => end += begin + rest[begin..].find("}}").unwrap() + 2,
            None => return &html[..end + quote],
        }
    }
}

/// Either a literal, or one expression.
fn is_built_elsewhere(url: &str) -> bool {
    let within = url.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let is_whole = within.is_some_and(|inner| !inner.contains("}}"));
    url.contains("{{") && !is_whole && !url.starts_with('#')
}

#[test]
fn a_page_builds_no_url_itself() {
    assert!(is_built_elsewhere("/admin/vms/{{ hostname }}"));
    assert!(is_built_elsewhere("{{ link }}/return"));
    assert!(!is_built_elsewhere("{{ crate::links::vm(hostname) }}"));
    assert!(!is_built_elsewhere("/admin/create"));
    for (path, html) in files("templates") {
        for url in urls(&html) {
            assert!(!is_built_elsewhere(url), "{}: {url}", path.display());
        }
    }
}

/// `format!("/admin/vms/{hostname}")` and its like.
fn formatted_urls(source: &str) -> Vec<&str> {
    let literals = source.split("format!(").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix('"')?;
        rest.split('"').next()
    });
    literals.filter(|it| it.starts_with('/') || it.contains("}/")).collect()
}

#[test]
fn no_other_source_builds_a_url() {
    assert_eq!(formatted_urls(r#"format!("/admin/vms/{hostname}")"#).len(), 1);
    assert_eq!(formatted_urls(r#"format!("{origin}/install")"#).len(), 1);
    for (path, source) in files("src") {
        if path.ends_with("src/links.rs") || path.ends_with("links/tests.rs") {
            continue;
        }
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let found = formatted_urls(code);
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
}

#[test]
fn what_people_typed_is_encoded() {
    let url = log_before("vm-1", 11, "", "a\"&<b>");
    assert_eq!(url, "/admin/logs/vm-1?before=11&search=a%22%26%3Cb%3E");
    assert_eq!(operations_before(7, "", "failed"), "/admin/operations?before=7&state=failed");
    assert_eq!(own_log_of("r 1"), "/admin/log?request=r+1");
}
