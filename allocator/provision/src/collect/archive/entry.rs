use std::io;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// How a file's bytes stand in an archive: never compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::collect) enum Method {
    /// As they are. Size and sum stand before them.
    Plain,
    /// In blocks of `deflate`, each with its length, so that an empty one may come at any time.
    /// Size and sum stand behind them.
    Blocks,
}

/// A file of an archive, as the zip format has it (APPNOTE.TXT 6.3.10, sections 4.3 to 4.5).
#[derive(Clone, Debug)]
pub(in crate::collect) struct Entry {
    name: String,
    modified: Timestamp,
    pub method: Method,
    /// The sum of its bytes, once they are known.
    pub crc: u32,
    /// Its bytes.
    pub size: u64,
    /// Bytes that stand for it.
    pub stored: u64,
    /// Where its header begins in the archive.
    pub at: u64,
    /// Its sizes need more than four bytes, or may.
    is_wide: bool,
}

const LOCAL: u32 = 0x0403_4b50;
const BEHIND: u32 = 0x0807_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const WIDE_END: u32 = 0x0606_4b50;
const WIDE_END_LOCATOR: u32 = 0x0706_4b50;
/// The length of a header, without the parts that vary.
const LOCAL_LENGTH: usize = 30;
/// Where the sum stands in a header.
pub(super) const CRC_AT: u64 = 14;
const SIZES_BEHIND: u16 = 1 << 3;
const UTF_8: u16 = 1 << 11;
const DEFLATE: u16 = 8;
/// In four bytes: look elsewhere.
const ELSEWHERE: u32 = u32::MAX;
/// From here on, a file's sizes get eight bytes: blocks add a little to it.
const WIDE_FROM: u64 = 4_000_000_000;
/// For readers that know the old format alone, and for those that know Zip64.
const VERSION: u16 = 20;
const WIDE_VERSION: u16 = 45;
/// Unix, and the version.
const MADE_BY: u16 = 3 << 8 | WIDE_VERSION;
/// A file that everybody may read and its owner write.
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// The field for long sizes, and the one in which times are told to the second ("UT").
const WIDE_FIELD: u16 = 1;
const TIME_FIELD: u16 = 0x5455;
const MODIFIED_ONLY: u8 = 1;

impl Entry {
    /// A file of this many bytes, at `at` in the archive.
    pub fn new(name: String, modified: Timestamp, method: Method, size: u64, at: u64) -> Self {
        let is_wide = size >= WIDE_FROM;
        Self { name, modified, method, crc: 0, size, stored: 0, at, is_wide }
    }

    /// What stands before its bytes.
    pub fn header(&self) -> Vec<u8> {
        let (crc, size) = match self.method {
            Method::Plain => (self.crc, self.size),
            Method::Blocks => (0, 0),
        };
        let narrow = if self.is_wide { ELSEWHERE } else { low(size) };
        let extra = [wide_field(self.is_wide.then_some([size, size]), None), self.time_field()];
        let extra = extra.concat();
        let mut header = Vec::with_capacity(LOCAL_LENGTH + self.name.len() + extra.len());
        header.extend(LOCAL.to_le_bytes());
        header.extend(self.version().to_le_bytes());
        self.common(&mut header);
        header.extend([crc, narrow, narrow].iter().flat_map(|it| it.to_le_bytes()));
        header.extend(length(self.name.as_bytes()));
        header.extend(length(&extra));
        header.extend(self.name.as_bytes());
        header.extend(extra);
        header
    }

    /// What stands behind its bytes.
    pub fn behind(&self) -> Vec<u8> {
        let mut told = Vec::new();
        if self.method == Method::Blocks {
            told.extend([BEHIND, self.crc].iter().flat_map(|it| it.to_le_bytes()));
            for size in [self.stored, self.size] {
                match self.is_wide {
                    true => told.extend(size.to_le_bytes()),
                    false => told.extend(low(size).to_le_bytes()),
                }
            }
        }
        told
    }

    /// All that the archive has of it before the directory, in bytes.
    pub fn length(&self) -> u64 {
        (self.header().len() + self.behind().len()) as u64 + self.stored
    }

    /// How the directory tells of it.
    fn central(&self) -> Vec<u8> {
        let is_far = self.at >= u64::from(ELSEWHERE);
        let sizes = self.is_wide.then_some([self.size, self.stored]);
        let extra = wide_field(sizes, is_far.then_some(self.at));
        let extra = [extra, self.time_field()].concat();
        let narrow = |size| if self.is_wide { ELSEWHERE } else { low(size) };
        let mut record = Vec::new();
        record.extend(CENTRAL.to_le_bytes());
        record.extend(MADE_BY.to_le_bytes());
        record.extend(if is_far { WIDE_VERSION } else { self.version() }.to_le_bytes());
        self.common(&mut record);
        let sizes = [self.crc, narrow(self.stored), narrow(self.size)];
        record.extend(sizes.iter().flat_map(|it| it.to_le_bytes()));
        record.extend(length(self.name.as_bytes()));
        record.extend(length(&extra));
        // No comment; the first disk; no attributes of old systems.
        record.extend([0; 6]);
        record.extend(ATTRIBUTES.to_le_bytes());
        record.extend(low(self.at).to_le_bytes());
        record.extend(self.name.as_bytes());
        record.extend(extra);
        record
    }

    fn version(&self) -> u16 {
        if self.is_wide { WIDE_VERSION } else { VERSION }
    }

    /// Flags, method and time: times are local ones, as zip has it, and in UTC beside that.
    fn common(&self, header: &mut Vec<u8>) {
        let name = if self.name.is_ascii() { 0 } else { UTF_8 };
        let (sizes, method) = match self.method {
            Method::Plain => (0, 0),
            Method::Blocks => (SIZES_BEHIND, DEFLATE),
        };
        let (date, time) = dos(self.modified.to_zoned(TimeZone::system()).datetime());
        let words = [name | sizes, method, time, date];
        header.extend(words.iter().flat_map(|it| it.to_le_bytes()));
    }

    fn time_field(&self) -> Vec<u8> {
        let Ok(seconds) = i32::try_from(self.modified.as_second()) else { return Vec::new() };
        let told = [&[MODIFIED_ONLY], seconds.to_le_bytes().as_slice()].concat();
        field(TIME_FIELD, &told)
    }
}

/// What ends an archive: where each of its files is. `at` is where it begins itself.
pub(super) fn directory(
    entries: &[Entry],
    at: u64,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut size = 0;
    for entry in entries {
        let record = entry.central();
        size += record.len() as u64;
        write(&record)?;
    }
    let count = entries.len() as u64;
    let few = u16::try_from(count).unwrap_or(u16::MAX);
    let mut end = Vec::new();
    if few == u16::MAX || [size, at].iter().any(|it| *it >= u64::from(ELSEWHERE)) {
        end.extend(WIDE_END.to_le_bytes());
        // The length of the rest of this record.
        end.extend(44_u64.to_le_bytes());
        end.extend([MADE_BY, WIDE_VERSION].iter().flat_map(|it| it.to_le_bytes()));
        // The first disk, where the directory begins as well.
        end.extend([0; 8]);
        end.extend([count, count, size, at].iter().flat_map(|it| it.to_le_bytes()));
        end.extend(WIDE_END_LOCATOR.to_le_bytes());
        end.extend([0; 4]);
        end.extend((at + size).to_le_bytes());
        end.extend(1_u32.to_le_bytes());
    }
    end.extend(END.to_le_bytes());
    end.extend([0; 4]);
    end.extend([few, few].iter().flat_map(|it| it.to_le_bytes()));
    end.extend([low(size), low(at)].iter().flat_map(|it| it.to_le_bytes()));
    end.extend([0; 2]);
    write(&end)
}

/// The field for what four bytes have no room for.
fn wide_field(sizes: Option<[u64; 2]>, at: Option<u64>) -> Vec<u8> {
    let told: Vec<u8> = sizes.iter().flatten().chain(&at).flat_map(|it| it.to_le_bytes()).collect();
    if told.is_empty() { told } else { field(WIDE_FIELD, &told) }
}

fn field(kind: u16, told: &[u8]) -> Vec<u8> {
    [kind.to_le_bytes().as_slice(), &length(told), told].concat()
}

/// Of names and fields, which are bounded long before.
fn length(of: &[u8]) -> [u8; 2] {
    u16::try_from(of.len()).unwrap_or(u16::MAX).to_le_bytes()
}

fn low(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(ELSEWHERE)
}

/// Date and time as old systems have them: from 1980 on, in steps of two seconds.
fn dos(at: DateTime) -> (u16, u16) {
    let years = at.year() - 1980;
    if !(0..128).contains(&years) {
        return (1 << 5 | 1, 0);
    }
    let word = |number: i8| u16::from(number.unsigned_abs());
    let date = years.unsigned_abs() << 9 | word(at.month()) << 5 | word(at.day());
    let pairs = word(at.second()) / 2;
    (date, word(at.hour()) << 11 | word(at.minute()) << 5 | pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_old_systems() {
        let at = |text: &str| dos(text.parse().unwrap());
        assert_eq!(at("2026-11-26T19:30:59"), (46 << 9 | 11 << 5 | 26, 19 << 11 | 30 << 5 | 29));
        for text in ["1979-12-31T23:59:59", "2108-01-01T00:00:00"] {
            assert_eq!(at(text), (1 << 5 | 1, 0));
        }
    }

    #[test]
    fn a_header_is_as_long_as_it_says() {
        for (size, method) in [(5, Method::Plain), (5_000_000_000, Method::Blocks)] {
            let name = "vm_1/más.slp".to_owned();
            let entry = Entry::new(name, Timestamp::UNIX_EPOCH, method, size, 0);
            let whole = entry.header().len() + entry.behind().len();
            assert_eq!(entry.length(), whole as u64);
        }
    }
}
