use std::borrow::Cow;

use super::{archive::Form, harvest::Harvest};

const COLUMNS: [&str; 9] =
    ["vm", "file", "files", "bytes", "unread", "seconds", "result", "skipped", "original"];
/// By which Excel knows that a file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// `REPORT.csv`: a row for each VM, then one for each file that is missing, that was left out
/// though it may be meant, or that has another name here, in the same columns. No cell begins with
/// what a file's name begins with, so that no spreadsheet takes one for a formula.
pub(super) fn report(harvests: &[Harvest]) -> csv::Result<Vec<u8>> {
    let mut rows = csv::Writer::from_writer(BYTE_ORDER_MARK.to_vec());
    rows.write_record(COLUMNS)?;
    for harvest in harvests {
        let result = match harvest.shortfall() {
            None => "complete".to_owned(),
            Some(why) => format!("incomplete: {why}"),
        };
        rows.write_record([
            harvest.hostname.as_str(),
            &format!("{}/", harvest.folder),
            &harvest.files.to_string(),
            &harvest.bytes.to_string(),
            &harvest.missing.count.to_string(),
            &format!("{:.1}", harvest.seconds),
            &result,
            &harvest.skipped.count.to_string(),
            "",
        ])?;
    }
    for harvest in harvests {
        let original = |path: &[u8]| format!("{}/{}", harvest.folder, text(path));
        let mut row = |file: &str, result: &str, original: &str| {
            rows.write_record([
                harvest.hostname.as_str(),
                file,
                "",
                "",
                "",
                "",
                result,
                "",
                original,
            ])
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
            let result = match std::str::from_utf8(&renamed.path) {
                _ if renamed.form == Form::Packed => {
                    "mostly empty, so packed with its holes: unpack it with tar -xSf"
                }
                Ok(_) => "called so, since not every system takes its name",
                Err(_) => r"called so, since its name is not UTF-8 (\xNN: a byte of it; \\: \)",
            };
            row(&renamed.stored, result, &original(&renamed.path))?;
        }
    }
    rows.into_inner().map_err(|error| error.into_error().into())
}

/// A path as text from which its bytes can be told.
fn text(path: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(path) {
        return text.into();
    }
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text += &chunk.valid().replace('\\', r"\\");
        text.extend(chunk.invalid().iter().map(|byte| format!(r"\x{byte:02x}")));
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
lablink-vm-test-1,vm_1/__.slp,,,,,\"called so, since its name is not UTF-8 (\\xNN: a byte of it; \\\\: \\)\",,vm_1/\\xff\\\\.slp
lablink-vm-test-1,vm_1/big.slp.tar,,,,,\"mostly empty, so packed with its holes: unpack it with tar -xSf\",,vm_1/big.slp
";
        assert_eq!(text, expected);
    }
}
