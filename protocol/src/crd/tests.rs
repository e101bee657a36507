use super::{CrdCode, CrdCommandError};

fn code(command: &str) -> Result<String, CrdCommandError> {
    CrdCode::from_command(command).map(String::from)
}

#[test]
fn finds_the_code_as_the_site_writes_it() {
    let site = "DISPLAY= /opt/google/chrome-remote-desktop/start-host \
                --code=\"4/0Ab_c-D\" --redirect-url=\"https://x\" --name=$(hostname)";
    assert_eq!(code(site).unwrap(), "4/0Ab_c-D");
    assert_eq!(code("start-host --code 4/x").unwrap(), "4/x");
    assert_eq!(code("--code='4/x'").unwrap(), "4/x");
    assert_eq!(code(&format!("{site}\n{site}")).unwrap(), "4/0Ab_c-D", "pasted twice");
}

#[test]
fn what_it_writes_for_clients_reads_back() {
    let first = CrdCode::from_command("--code=4/x").unwrap();
    assert_eq!(CrdCode::from_command(&first.to_command()).unwrap(), first);
}

#[test]
fn names_what_is_wrong() {
    use CrdCommandError::*;
    for (command, error) in [
        ("  ", Empty),
        ("\u{200b}", Empty),
        ("start-host --coder=1", NoCode),
        ("start-host --code", EmptyCode),
        ("--code=\"\" --name=\"x\"", EmptyCode),
        ("--code --name", EmptyCode),
        ("--code=-bc", Headless),
        ("--code=a --code=b", SeveralCodes),
        ("--code=$(reboot)", Foreign('$')),
        ("--code=;reboot", Foreign(';')),
        ("--code=4/x;reboot", Foreign(';')),
        ("--code=\"4/x y\" --name=a", Foreign(' ')),
        ("--code=4/x%00", Foreign('\0')),
        ("--code=4/\u{430}b", Foreign('\u{430}')),
        ("--code=4/ab–cd --name=a", LongDash('–')),
        ("--code=\"4/ab—cd\"", LongDash('—')),
        ("--code=\"4/0AbCdEf…\" --name=a", CutShort),
        ("--code=4/ab cd --name=a", Broken),
        ("--code=4/ab\ncd", Broken),
        ("--code=4/ab\n--cd --name=a", Broken),
    ] {
        assert_eq!(code(command), Err(error), "{command}");
    }
    assert_eq!(code(&"x".repeat(5000)), Err(TooLong));
    assert_eq!(code(&format!("--code={}", "x".repeat(513))), Err(TooLong));
    for (c, named) in [('$', "“$”"), (' ', "a blank"), ('\0', "U+0000"), ('а', "“а”")] {
        assert!(Foreign(c).to_string().contains(named), "{named}");
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn code(&mut self) -> String {
        let letters = b"ABYZabyz0189_/-";
        let rest = 1 + self.below(90);
        let rest = (0..rest).map(|_| letters[self.below(letters.len())] as char);
        "4".chars().chain(rest).collect()
    }
}

fn percent(text: &str) -> String {
    let escape = |c: char| match c {
        'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' | '.' => c.to_string(),
        c => format!("%{:02X}", u32::from(c)),
    };
    text.chars().map(escape).collect()
}

fn entities(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;");
    text.replace('/', "&#x2F;").replace(' ', "&nbsp;")
}

/// What happens to commands on their way; each can be undone.
fn mangled(command: &str, code: &str, dice: &mut Dice) -> String {
    let somewhere = |text: &str, dice: &mut Dice| dice.below(text.len() - 1) + 1;
    match dice.below(14) {
        0 => command.replacen('"', "“", 1).replacen('"', "”", 1),
        1 => command.replace('"', "’"),
        2 => command.replace('-', "‑"),
        3 => command.replace(" --", " —"),
        4 => command.replace(" --", " –").replace('"', "”"),
        5 => percent(command),
        6 => percent(&percent(command)),
        7 => percent(command).replace("%20", "+"),
        8 => entities(command),
        9 => entities(&entities(command)),
        10 => {
            let at = somewhere(command, dice);
            format!("\u{feff}{}\u{200b}{}\u{2060}", &command[..at], &command[at..])
        }
        // A line that was wrapped, with and without a backslash, within the code.
        11 => {
            let at = somewhere(code, dice);
            let broken = format!("{}\r\n  {}", &code[..at], &code[at..]);
            command.replace(code, &broken)
        }
        12 => {
            let at = somewhere(code, dice);
            command.replace(code, &format!("{}\\\n{}", &code[..at], &code[at..]))
        }
        _ => command
            .chars()
            .map(|c| match c {
                '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
                c => c,
            })
            .collect(),
    }
}

#[test]
fn what_was_mangled_on_the_way_yields_the_very_same_code_or_says_what_is_wrong() {
    let mut dice = Dice(17);
    let mut repaired = 0;
    for _ in 0..20_000 {
        let code = dice.code();
        let site =
            ["--code=\"{}\"", "--code={}", "--code '{}'"][dice.below(3)].replace("{}", &code);
        let command = format!(
            "DISPLAY= /opt/x/start-host {site} --redirect-url=\"https://x/_/o\" --name=$(hostname)"
        );
        let sent = mangled(&command, &code, &mut dice);
        match CrdCode::from_command(&sent) {
            Ok(read) => {
                assert_eq!(read.as_str(), code, "{sent}");
                repaired += 1;
            }
            // Behind a line break nobody can tell '--' from an option.
            Err(CrdCommandError::Broken) => assert!(code.contains("--"), "{sent}"),
            Err(error) => panic!("{error}: {sent}"),
        }
    }
    assert!(repaired > 19_500, "{repaired}");
}

#[test]
fn nothing_but_a_code_gets_through() {
    let parts = [
        "--code", "=", " ", "\n", "4/x", "-", "—", "\"", "'", "“", "$(", ")", ";", "`", "%", "%0A",
        "%27", "&", "&quot;", "&#0;", "\\", "\0", "\u{200b}", "|", "--name=", "é", "+",
    ];
    let mut dice = Dice(42);
    for _ in 0..50_000 {
        let length = dice.below(12);
        let text: String = (0..length).map(|_| parts[dice.below(parts.len())]).collect();
        if let Ok(code) = CrdCode::from_command(&format!("--code={text}")) {
            let code = code.as_str();
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_/-".contains(c);
            assert!(
                !code.is_empty() && !code.starts_with('-') && code.chars().all(allowed),
                "{text}"
            );
        }
    }
}
