use std::borrow::Cow;

use lablink_core::{cell, plain};

use super::{archive::Form, harvest::Harvest};

const COLUMNS: [&str; 9] =
    ["vm", "file", "files", "bytes", "unread", "seconds", "result", "skipped", "original"];
/// By which Excel knows that a file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// `REPORT.csv`: a row for each VM, then one for each file that is missing, that was left out
/// though it may be meant, or that has another name here, in the same columns. VMs and participants choose what stands in it, so each cell is made fit for a
/// spreadsheet.
pub(super) fn report(harvests: &[Harvest]) -> csv::Result<Vec<u8>> {
    let mut rows = csv::Writer::from_writer(BYTE_ORDER_MARK.to_vec());
    rows.write_record(COLUMNS)?;
    for harvest in harvests {
        let result = match harvest.shortfall() {
            None => "complete".to_owned(),
            Some(why) => format!("incomplete: {why}"),
        };
        rows.write_record(cells([
            harvest.hostname.as_str(),
            &format!("{}/", harvest.folder),
            &harvest.files.to_string(),
            &harvest.bytes.to_string(),
            &harvest.missing.count.to_string(),
            &format!("{:.1}", harvest.seconds),
            &result,
            &harvest.skipped.count.to_string(),
            "",
        ]))?;
    }
    for harvest in harvests {
        let original = |path: &[u8]| format!("{}/{}", harvest.folder, text(path));
        let mut row = |file: &str, result: &str, original: &str| {
            rows.write_record(cells([
                harvest.hostname.as_str(),
                file,
                "",
                "",
                "",
                "",
                result,
                "",
                original,
            ]))
        };
        for (path, why) in &harvest.missing.items {
            row(&original(path), &format!("not read: {why}"), "")?;
        }
        let more = harvest.missing.count - harvest.missing.items.len() as u64;
        if more > 0 {
            row(&format!("{}/", harvest.folder), &format!("not read: {more} more"), "")?;
        }
        for item in &harvest.skipped.items {
            row(&original(&item.path), &format!("left out: {}", item.why.told()), "")?;
        }
        let more = harvest.skipped.count - harvest.skipped.items.len() as u64;
        if more > 0 {
            row(&format!("{}/", harvest.folder), &format!("left out: {more} more"), "")?;
        }
        for renamed in &harvest.renamed {
            let result = match text(&renamed.path) {
                _ if renamed.form == Form::Packed => {
                    "mostly empty, so packed with its holes: unpack it with tar -xSf"
                }
                Cow::Borrowed(_) => "called so, since not every system takes its name",
                Cow::Owned(_) => {
                    r"called so, since its name is not plain text (\xNN: a byte of it; \\: \)"
                }
            };
            row(&renamed.stored, result, &original(&renamed.path))?;
        }
    }
    rows.into_inner().map_err(|error| error.into_error().into())
}

fn cells(texts: [&str; COLUMNS.len()]) -> [String; COLUMNS.len()] {
    texts.map(cell)
}

/// A path as text from which its bytes can be told: those that are no plain text by their numbers.
fn text(path: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(path)
        && plain(text) == text
    {
        return text.into();
    }
    let numbers =
        |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!(r"\x{byte:02x}")).collect() };
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            let said = character.to_string();
            match character {
                '\\' => text += r"\\",
                _ if plain(&said).is_empty() => text += &numbers(said.as_bytes()),
                _ => text += &said,
            }
        }
        text += &numbers(chunk.invalid());
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{
        harvest::{Missing, Renamed},
        skipped::{Skipped, Why},
    };

    #[test]
    fn vms_come_first_and_then_the_files_of_which_there_is_more_to_say() {
        let vm = |number: u8, failure: Option<&str>| Harvest {
            hostname: format!("lablink-vm-test-{number}").parse().unwrap(),
            folder: format!("vm_{number}"),
            files: 2,
            bytes: 30,
            missing: Missing::default(),
            renamed: Vec::new(),
            skipped: Skipped::default(),
            seconds: 1.26,
            failure: failure.map(str::to_owned),
        };
        let mut first = vm(1, None);
        first.missing.add((*b"=a\",\n.slp").into(), "Permission denied".to_owned());
        first.skipped.add("más".as_bytes(), Why::LinkToFolder((*b"/disk").into()));
        let renamed = |path: &[u8], stored: &str, form| Renamed {
            path: path.into(),
            stored: stored.into(),
            form,
        };
        first.renamed.push(renamed(b"12:30.slp", "vm_1/12_30.slp", Form::Filled));
        first.renamed.push(renamed(b"\xff\\.slp", "vm_1/__.slp", Form::Filled));
        first.renamed.push(renamed(b"big.slp", "vm_1/big.slp.tar", Form::Packed));
        first.renamed.push(renamed(b"\x1b[2J\0.slp", "vm_1/_[2J_.slp", Form::Filled));
        let text = report(&[first, vm(2, None), vm(3, Some("it sent nothing for 60 s"))]).unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = "\u{feff}\
vm,file,files,bytes,unread,seconds,result,skipped,original
lablink-vm-test-1,vm_1/,2,30,1,1.3,\"incomplete: 1 file could not be read, the first for: Permission denied\",1,
lablink-vm-test-2,vm_2/,2,30,0,1.3,complete,0,
lablink-vm-test-3,vm_3/,2,30,0,1.3,incomplete: it sent nothing for 60 s,0,
lablink-vm-test-1,\"vm_1/=a\"\",\n.slp\",,,,,not read: Permission denied,,
lablink-vm-test-1,vm_1/más,,,,,left out: a link to the folder /disk,,
lablink-vm-test-1,vm_1/12_30.slp,,,,,\"called so, since not every system takes its name\",,vm_1/12:30.slp
lablink-vm-test-1,vm_1/__.slp,,,,,\"called so, since its name is not plain text (\\xNN: a byte of it; \\\\: \\)\",,vm_1/\\xff\\\\.slp
lablink-vm-test-1,vm_1/big.slp.tar,,,,,\"mostly empty, so packed with its holes: unpack it with tar -xSf\",,vm_1/big.slp
lablink-vm-test-1,vm_1/_[2J_.slp,,,,,\"called so, since its name is not plain text (\\xNN: a byte of it; \\\\: \\)\",,vm_1/\\x1b[2J\\x00.slp
";
        assert_eq!(text, expected);
    }

    #[test]
    fn no_cell_is_a_formula_or_moves_a_cursor() {
        let mut missing = Missing::default();
        missing.add((*b"a").into(), "\x1b[31mno\0".to_owned());
        let vm = Harvest {
            hostname: "vm-1".parse().unwrap(),
            folder: "=HYPERLINK(1)".to_owned(),
            files: 0,
            bytes: 0,
            missing,
            renamed: vec![Renamed {
                path: (*b"b").into(),
                stored: "@SUM(1)".to_owned(),
                form: Form::Filled,
            }],
            skipped: Skipped::default(),
            seconds: 0.0,
            failure: Some("\u{9b}2Jgone".to_owned()),
        };
        let report = report(&[vm]).unwrap();
        let mut rows = csv::Reader::from_reader(&report[BYTE_ORDER_MARK.len()..]);
        let cells: Vec<String> = rows
            .records()
            .flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert!(cells.iter().any(|it| it == "'@SUM(1)"), "{cells:?}");
        assert!(cells.iter().any(|it| it == "not read: no"), "{cells:?}");
        for cell in cells {
            assert!(!cell.starts_with(['=', '@', '+', '-']), "{cell}");
            assert_eq!(plain(&cell), cell);
        }
    }
}
