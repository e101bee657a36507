use std::{process::Stdio, time::Duration};

use lablink_protocol::GpuHealth;
use nvml_wrapper::error::NvmlError;
use tokio::{process::Command, time::timeout};

use super::{
    reading::{Card, Ecc, Identity, Memory, Reading, Temperature},
    verdict::Verdict,
};

const LIMIT: Duration = Duration::from_secs(15);
const QUERY: &str = "--query-gpu=name,temperature.gpu,memory.used,memory.total,utilization.gpu,\
    ecc.errors.corrected.volatile.total,ecc.errors.uncorrected.volatile.total";
const MIB: u64 = 1024 * 1024;

/// Asks NVIDIA's program, where there is one but no library that can be loaded.
pub async fn look() -> (Verdict, Vec<Card>) {
    let asked = Command::new("nvidia-smi")
        .args([QUERY, "--format=csv,noheader,nounits"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(LIMIT, asked).await {
        Err(_slow) => {
            (Verdict::unhealthy("the NVIDIA driver does not answer".to_owned()), Vec::new())
        }
        Ok(Err(_no_program)) => (Verdict::none(), Vec::new()),
        Ok(Ok(output)) if output.status.success() => {
            let cards = cards(&String::from_utf8_lossy(&output.stdout));
            let mut verdict = Verdict::of(&cards, &[]);
            if cards.is_empty() {
                verdict.health = GpuHealth::None;
            }
            (verdict, cards)
        }
        // As a shell says of a program that is not there (contract §3.4).
        Ok(Ok(output)) if output.status.code() == Some(127) => (Verdict::none(), Vec::new()),
        Ok(Ok(output)) => {
            let reason = format!("nvidia-smi can't reach the driver ({})", output.status);
            (Verdict::unhealthy(reason), Vec::new())
        }
    }
}

fn cards(table: &str) -> Vec<Card> {
    (0..).zip(table.lines()).filter_map(|(index, line)| card(index, line)).collect()
}

fn card(index: u32, line: &str) -> Option<Card> {
    let mut columns = line.split(',').map(str::trim);
    let name = columns.next().filter(|name| !name.is_empty())?.to_owned();
    // `[N/A]` and the like are no number.
    let mut number = || columns.next()?.parse::<u64>().ok();
    let (celsius, used, total) = (number(), number(), number());
    let (busy, corrected, uncorrected) = (number(), number(), number());
    let small = |number: Option<u64>| number.and_then(|it| u32::try_from(it).ok());
    Some(Card {
        index,
        identity: Reading::Value(Identity { name, address: String::new() }),
        temperature: known(small(celsius).map(|now| Temperature {
            now,
            slowdown: None,
            shutdown: None,
        })),
        memory: known(used.zip(total).map(|(used, total)| Memory {
            used: used.saturating_mul(MIB),
            total: total.saturating_mul(MIB),
        })),
        utilization: known(small(busy)),
        power: Reading::Unsupported,
        ecc: known(
            corrected
                .zip(uncorrected)
                .map(|(corrected, uncorrected)| Ecc { corrected, uncorrected }),
        ),
        rows: Reading::Unsupported,
        throttle: Reading::Unsupported,
        recovery: Reading::Unsupported,
    })
}

fn known<T>(value: Option<T>) -> Reading<T> {
    Some(value.ok_or(NvmlError::NotSupported)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_table_is_a_gpu_and_what_is_missing_is_no_fault() {
        let table = "Tesla T4, 41, 3, 15360, 7, 0, 2\nGeForce, 30, 1, 2, [N/A], [N/A], [N/A]\n";
        let cards = cards(table);
        assert_eq!(cards.len(), 2);
        assert_eq!(cards[0].memory, Reading::Value(Memory { used: 3 * MIB, total: 15360 * MIB }));
        assert_eq!(cards[1].ecc, Reading::Unsupported);
        let verdict = Verdict::of(&cards, &[]);
        assert_eq!(verdict.health, GpuHealth::Unhealthy);
        assert!(verdict.reasons[0].starts_with("GPU 0 (Tesla T4): its memory"), "{verdict:?}");
        assert_eq!(Verdict::of(&cards[1..], &[]).health, GpuHealth::Healthy);
    }
}
