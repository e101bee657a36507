use nvml_wrapper::error::NvmlError;

use super::reading::{Card, Ecc, Identity, Memory, Reading, Temperature};

/// What `nvidia-smi` lists: a row for each GPU, and whatever it says instead of one.
#[derive(Debug, Default)]
pub struct Table {
    pub cards: Vec<Card>,
    pub faults: Vec<String>,
}

impl Table {
    pub fn fault(reason: String) -> Self {
        Self { cards: Vec::new(), faults: vec![reason] }
    }

    pub fn is_empty(&self) -> bool {
        self.cards.is_empty() && self.faults.is_empty()
    }
}

/// Columns of a row, the name among them.
const COLUMNS: usize = 7;
/// Said where the driver has no GPU to serve, which may be as it should.
const NO_GPU: &str = "No devices were found";
/// What stands for a value that this GPU, driver or user does not have.
const UNSUPPORTED: [&str; 5] = [
    "N/A",
    "Not Supported",
    "Function Not Found",
    "Insufficient Permissions",
    "Requested functionality has been deprecated",
];
const MIB: u64 = 1024 * 1024;
/// The most of its output that is quoted, in characters.
const LONGEST: usize = 200;

/// Reads a table of CSV, without a head and without units.
pub fn read(text: &str) -> Table {
    let mut table = Table::default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != NO_GPU);
    for (index, line) in (0..).zip(lines) {
        match card(index, line) {
            Some(card) => table.cards.push(card),
            None => table.faults.push(format!("nvidia-smi says: {}", short(line))),
        }
    }
    table
}

/// None: the line is no row.
fn card(index: u32, line: &str) -> Option<Card> {
    // From the end, since only a name could hold a comma.
    let mut columns: Vec<&str> = line.rsplitn(COLUMNS, ',').map(str::trim).collect();
    columns.reverse();
    let [name, celsius, used, total, busy, corrected, uncorrected] = columns[..] else {
        return None;
    };
    let identity = match value(name) {
        // A name is a text, but not one of these.
        Reading::Failed(_) if !is_error(name) && !name.is_empty() => {
            Reading::Value(Identity { name: name.to_owned(), address: String::new() })
        }
        other => other.map(|_number| Identity { name: name.to_owned(), address: String::new() }),
    };
    let in_bytes = |(used, total): (u64, u64)| Memory {
        used: used.saturating_mul(MIB),
        total: total.saturating_mul(MIB),
    };
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let temperature = |now| Temperature { now: small(now), slowdown: None, shutdown: None };
    Some(Card {
        index,
        identity,
        temperature: value(celsius).map(temperature),
        memory: value(used).zip(value(total)).map(in_bytes),
        utilization: value(busy).map(small),
        power: Reading::Unsupported,
        ecc: value(corrected)
            .zip(value(uncorrected))
            .map(|(corrected, uncorrected)| Ecc { corrected, uncorrected }),
        rows: Reading::Unsupported,
        throttle: Reading::Unsupported,
        recovery: Reading::Unsupported,
    })
}

/// What is neither a number nor a known word for there being none is a fault.
fn value(text: &str) -> Reading<u64> {
    if let Ok(number) = text.parse() {
        return Reading::Value(number);
    }
    let word = text.trim_matches(['[', ']']);
    let is = |known: &str| word.eq_ignore_ascii_case(known);
    if UNSUPPORTED.iter().any(|known| is(known)) {
        Reading::Unsupported
    } else if is("GPU is lost") {
        Some(Err(NvmlError::GpuLost)).into()
    } else if is("GPU requires reset") {
        Some(Err(NvmlError::ResetRequired)).into()
    } else {
        Reading::Failed(format!("nvidia-smi says '{}'", short(word)))
    }
}

/// Whether a name is none.
fn is_error(name: &str) -> bool {
    name.starts_with('[') || name == "ERR!"
}

fn short(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use lablink_protocol::GpuHealth;

    use super::*;
    use crate::gpu::Verdict;

    fn judged(text: &str) -> (GpuHealth, String) {
        let Table { cards, faults } = read(text);
        let verdict = faults.into_iter().fold(Verdict::of(&cards, &[]), Verdict::and);
        (verdict.health, verdict.reason().unwrap_or_default())
    }

    #[test]
    fn a_row_of_the_table_is_a_gpu_and_what_is_missing_is_no_fault() {
        let table = "Tesla T4, 41, 3, 15360, 7, 0, 2\nGeForce, 30, 1, 2, [N/A], [N/A], [N/A]\n";
        let cards = read(table).cards;
        assert_eq!(cards.len(), 2);
        assert_eq!(cards[0].memory, Reading::Value(Memory { used: 3 * MIB, total: 15360 * MIB }));
        assert_eq!(cards[1].ecc, Reading::Unsupported);
        let (health, why) = judged(table);
        assert_eq!(health, GpuHealth::Unhealthy);
        assert!(why.starts_with("GPU 0 (Tesla T4): its memory"), "{why}");
        let missing = "GeForce, N/A, [Not Supported], [N/A], [not supported], N/A, [N/A]";
        assert_eq!(judged(missing), (GpuHealth::Healthy, String::new()));
    }

    #[test]
    fn what_is_no_value_is_a_fault() {
        use GpuHealth::{Degraded, Unhealthy};
        let good = "Tesla T4, 41, 3, 15360, 7, 0, 0\n";
        for (row, health, why) in [
            (
                "Tesla T4, [GPU requires reset], 3, 15360, [GPU requires reset], 0, 0",
                Unhealthy,
                "it needs a reset",
            ),
            ("Tesla T4, 41, 3, 15360, 7, [N/A], [GPU is lost]", Unhealthy, "fallen off the bus"),
            ("[GPU is lost], 41, 3, 15360, 7, 0, 0", Unhealthy, "fallen off the bus"),
            ("Tesla T4, 41, 3, 15360, [Unknown Error], 0, 0", Degraded, "no utilisation"),
            ("Tesla T4, ERR!, 3, 15360, 7, 0, 0", Degraded, "no temperature"),
            ("[Unknown Error], 41, 3, 15360, 7, 0, 0", Degraded, "no name"),
            ("Tesla T4, 41, -3, 15360, 7, 0, 0", Degraded, "no memory"),
            ("Tesla T4, , 3, 15360, 7, 0, 0", Degraded, "no temperature"),
            ("Tesla T4, ERR!, ERR!, ERR!, ERR!, [N/A], [N/A]", Unhealthy, "no signal of it"),
            (
                "Unable to determine the device handle for GPU 0000:B3:00.0: Unknown Error",
                Unhealthy,
                "nvidia-smi says: Unable to determine the device handle",
            ),
            ("Tesla T4, 41, 3", Unhealthy, "nvidia-smi says: Tesla T4, 41, 3"),
        ] {
            for text in [row.to_owned(), format!("{good}{row}\n"), format!("{row}\n{good}")] {
                let (judged, reason) = judged(&text);
                assert_eq!(judged, health, "{text}: {reason}");
                assert!(reason.contains(why), "{text}: {reason}");
            }
        }
    }

    #[test]
    fn no_gpu_is_no_fault_and_no_row() {
        assert!(read("No devices were found\n").is_empty() && read("\n").is_empty());
    }
}
