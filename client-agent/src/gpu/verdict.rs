use lablink_protocol::GpuHealth;
use nvml_wrapper::bitmasks::device::ThrottleReasons;

use super::{
    reading::{Card, Reading, Recovery},
    xid,
};

/// How a machine's GPUs are: the worst of all signals, with the reasons in words, worst first. The
/// words say what is wrong, not how it reads this very second, so that they change seldom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub health: GpuHealth,
    pub reasons: Vec<String>,
}

struct Finding(GpuHealth, String);

impl Verdict {
    pub fn none() -> Self {
        Self { health: GpuHealth::None, reasons: Vec::new() }
    }

    /// Of `cards`, and of the errors that they have had.
    pub fn of(cards: &[Card], xids: &[(String, u64)]) -> Self {
        let mut findings: Vec<Finding> = Vec::new();
        for card in cards {
            let name = called(card);
            findings.extend(faults(card).into_iter().map(|f| f.of(&name)));
            findings.extend(signs(card).into_iter().map(|f| f.of(&name)));
        }
        for (address, number) in xids {
            let Some((health, what)) = xid::meaning(*number) else { continue };
            let owner =
                |card: &&Card| card.identity.value().is_some_and(|id| id.address == *address);
            let name = cards.iter().find(owner).map_or_else(|| format!("GPU {address}"), called);
            findings.push(Finding(health, format!("{what} (XID {number})")).of(&name));
        }
        let is_unhealthy = |finding: &Finding| finding.0 == GpuHealth::Unhealthy;
        findings.sort_by_key(|finding| !is_unhealthy(finding));
        let health = match findings.first() {
            None => GpuHealth::Healthy,
            Some(worst) => worst.0,
        };
        let mut reasons: Vec<String> = findings.into_iter().map(|Finding(_, what)| what).collect();
        reasons.dedup();
        Self { health, reasons }
    }

    /// Unhealthy for one more reason, which comes first.
    pub fn and(mut self, reason: String) -> Self {
        self.health = GpuHealth::Unhealthy;
        self.reasons.insert(0, reason);
        self
    }

    /// All reasons as one text.
    pub fn reason(&self) -> Option<String> {
        (!self.reasons.is_empty()).then(|| self.reasons.join("; "))
    }
}

impl Finding {
    fn of(self, gpu: &str) -> Self {
        Self(self.0, format!("{gpu}: {}", self.1))
    }
}

fn called(card: &Card) -> String {
    match card.identity.value() {
        Some(identity) => format!("GPU {} ({})", card.index, identity.name),
        None => format!("GPU {}", card.index),
    }
}

/// Signals that could not be read.
fn faults(card: &Card) -> Vec<Finding> {
    let found = [
        fault("name", &card.identity),
        fault("temperature", &card.temperature),
        fault("memory", &card.memory),
        fault("utilisation", &card.utilization),
        fault("power", &card.power),
        fault("memory errors", &card.ecc),
        fault("replaced memory", &card.rows),
        fault("clock limits", &card.throttle),
        fault("recovery action", &card.recovery),
    ];
    let mut found: Vec<Finding> = found.into_iter().flatten().collect();
    let any_failed = !found.is_empty();
    if any_failed && !has_a_value(card) && found.iter().all(|it| it.0 == GpuHealth::Degraded) {
        let what = "no signal of it can be read: restart the machine";
        found.push(Finding(GpuHealth::Unhealthy, what.to_owned()));
    }
    // A GPU that is gone says so in answer to every question.
    found.dedup_by(|one, other| one.1 == other.1);
    found
}

/// Whether anything can be read of it but its name.
fn has_a_value(card: &Card) -> bool {
    card.temperature.value().is_some()
        || card.memory.value().is_some()
        || card.utilization.value().is_some()
        || card.power.value().is_some()
        || card.ecc.value().is_some()
        || card.rows.value().is_some()
        || card.throttle.value().is_some()
        || card.recovery.value().is_some()
}

fn fault<T>(signal: &str, reading: &Reading<T>) -> Option<Finding> {
    use GpuHealth::{Degraded, Unhealthy};
    match reading {
        Reading::Value(_) | Reading::Unsupported => None,
        Reading::Lost => {
            Some(Finding(Unhealthy, "it has fallen off the bus: restart the machine".to_owned()))
        }
        Reading::ResetRequired => {
            Some(Finding(Unhealthy, "it needs a reset: restart the machine".to_owned()))
        }
        Reading::Failed(error) => Some(Finding(Degraded, format!("no {signal} ({error})"))),
        Reading::Hung => {
            Some(Finding(Unhealthy, format!("the driver does not answer (asked for its {signal})")))
        }
    }
}

/// Signals that were read, and are bad.
fn signs(card: &Card) -> Vec<Finding> {
    use GpuHealth::{Degraded, Unhealthy};
    let mut found = Vec::new();
    if let Reading::Value(temperature) = &card.temperature {
        let above = |limit: Option<u32>| limit.filter(|limit| temperature.now >= *limit);
        if let Some(limit) = above(temperature.shutdown) {
            found.push(Finding(Unhealthy, format!("it is too hot: {limit} °C or more")));
        } else if let Some(limit) = above(temperature.slowdown) {
            found.push(Finding(Degraded, format!("it is hot, and slower: {limit} °C or more")));
        }
    }
    if card.ecc.value().is_some_and(|ecc| ecc.uncorrected > 0) {
        let what = "its memory has errors that can't be corrected: restart the machine";
        found.push(Finding(Unhealthy, what.to_owned()));
    }
    if let Reading::Value(rows) = &card.rows {
        if rows.failed {
            found.push(Finding(Unhealthy, "its bad memory can't be replaced any more".to_owned()));
        }
        if rows.pending {
            let what = "bad memory is replaced at the next restart of the machine";
            found.push(Finding(Degraded, what.to_owned()));
        }
    }
    if let Reading::Value(reasons) = &card.throttle {
        if reasons.contains(ThrottleReasons::HW_THERMAL_SLOWDOWN) {
            found.push(Finding(Degraded, "it is slowed down by heat".to_owned()));
        }
        if reasons.contains(ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN) {
            found.push(Finding(Degraded, "it is slowed down for lack of power".to_owned()));
        }
    }
    if let Reading::Value(action) = card.recovery {
        let wants = |what: &str| format!("its driver asks for {what}");
        match action {
            Recovery::None => {}
            Recovery::Reset => found.push(Finding(Unhealthy, wants("a reset of the GPU"))),
            Recovery::Reboot => found.push(Finding(Unhealthy, wants("a restart of the machine"))),
            Recovery::DrainAndReset => {
                found.push(Finding(Unhealthy, wants("no more work, and a reset of the GPU")));
            }
            Recovery::DrainPeers => {
                found.push(Finding(Degraded, wants("no more work together with other GPUs")));
            }
            Recovery::Other(number) => {
                found.push(Finding(Degraded, wants(&format!("recovery action {number}"))));
            }
        }
    }
    found
}
