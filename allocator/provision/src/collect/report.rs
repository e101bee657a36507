use super::harvest::Harvest;

/// `REPORT.csv`: a row for each VM, then one for each file that is missing, in the same columns.
/// No cell begins with what a file's name begins with, so that no spreadsheet takes one for a
/// formula.
pub(super) fn report(harvests: &[Harvest]) -> csv::Result<Vec<u8>> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["vm", "file", "files", "bytes", "unread", "seconds", "result"])?;
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
            &harvest.unread.len().to_string(),
            &format!("{:.1}", harvest.seconds),
            &result,
        ])?;
    }
    for harvest in harvests {
        for unread in &harvest.unread {
            let file = [harvest.folder.as_bytes(), b"/", &unread.path].concat();
            let why = format!("not read: {}", unread.why);
            let cells: [&[u8]; 7] =
                [harvest.hostname.as_str().as_bytes(), &file, b"", b"", b"", b"", why.as_bytes()];
            rows.write_record(cells)?;
        }
    }
    rows.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::harvest::Unread;

    #[test]
    fn vms_come_first_and_then_the_files_that_are_missing() {
        let vm = |number: u8, failure: Option<&str>| Harvest {
            hostname: format!("lablink-vm-test-{number}").parse().unwrap(),
            folder: format!("vm_{number}"),
            files: 2,
            bytes: 30,
            unread: Vec::new(),
            seconds: 1.26,
            failure: failure.map(str::to_owned),
        };
        let unread = Unread { path: (*b"=a\",\n.slp").into(), why: "Permission denied".to_owned() };
        let mut first = vm(1, None);
        first.unread.push(unread);
        let text = report(&[first, vm(2, None), vm(3, Some("it sent nothing for 60 s"))]).unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = "\
vm,file,files,bytes,unread,seconds,result
lablink-vm-test-1,vm_1/,2,30,1,1.3,\"incomplete: 1 file could not be read, the first for: Permission denied\"
lablink-vm-test-2,vm_2/,2,30,0,1.3,complete
lablink-vm-test-3,vm_3/,2,30,0,1.3,incomplete: it sent nothing for 60 s
lablink-vm-test-1,\"vm_1/=a\"\",\n.slp\",,,,,not read: Permission denied
";
        assert_eq!(text, expected);
    }
}
