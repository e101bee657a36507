use lablink_web::gallery::*;

use crate::{Pages, SCRIPT, add, before};

pub fn add_all(pages: &mut Pages) -> askama::Result<()> {
    let texts = [
        "subscribe[INFO]: waiting for a claim".to_owned(),
        format!("docker: Error: no such image {SCRIPT}"),
        "\u{1b}[33mWARN\u{1b}[0m the disk is nearly full".to_owned(),
        "Traceback (most recent call last):".to_owned(),
    ];
    let lines = || {
        let numbered = texts.iter().zip(1..);
        LogLines::new(numbered.map(|(text, id)| (id, before(600 - id), text.clone())))
    };
    let log = |lines, which| LogPage {
        hostname: "lablink-vm-prod-6".to_owned(),
        state: VmState::Free,
        startup_seconds: Some(192),
        lines,
        part: LogPart::End,
        which,
        earlier: Some(1),
        waits_for: None,
    };
    add(pages, "log", &log(lines(), LogLevels::All))?;
    add(pages, "log-errors", &log(lines().errors(500), LogLevels::Errors))?;
    let nothing = || LogLines::new(Vec::new());
    add(pages, "log-no-errors", &log(nothing(), LogLevels::Errors))?;
    let own = OwnLogPage {
        lines: vec![OwnLogLine {
            at: before(60),
            level: LogLevel::Warn,
            request: Some("r-1".to_owned()),
            text: format!("the waiting line could not be served {SCRIPT}"),
        }],
        level: LogLevel::Info,
        request: String::new(),
    };
    add(pages, "own-log", &own)
}
