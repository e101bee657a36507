//! Annotations that GitHub shows beside the lines of a file.

use std::{
    io::{self, Write},
    path::Path,
};

use super::Problem;

pub(super) fn error(out: &mut impl Write, file: &Path, fault: &Problem) -> io::Result<()> {
    let line = fault.line.map_or(String::new(), |line| format!(",line={line}"));
    let (file, message) = (property(&file.display().to_string()), data(&fault.message));
    writeln!(out, "::error file={file}{line}::{message}")
}

pub(super) fn warning(out: &mut impl Write, file: &Path, message: &str) -> io::Result<()> {
    writeln!(out, "::warning file={}::{}", property(&file.display().to_string()), data(message))
}

/// A command ends with its line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_file_can_t_begin_a_command_of_its_own() {
        let mut out = Vec::new();
        let fault = Problem { line: Some(3), message: "found 'a\n::set-output name=x::y%'".into() };
        error(&mut out, Path::new("a,b:c/config.yaml"), &fault).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "::error file=a%2Cb%3Ac/config.yaml,line=3::found 'a%0A::set-output name=x::y%25'\n"
        );
    }
}
