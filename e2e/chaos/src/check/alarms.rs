//! Nobody steals tokens here: whatever is killed and cut off, no agent waits with a dead one.

use super::Evidence;

pub fn check(evidence: &Evidence) -> Vec<String> {
    let barred = evidence.facts.events.iter().filter(|event| event.kind == "vm.barred");
    barred
        .map(|event| {
            let vm = event.vm_id.and_then(|id| evidence.facts.vm(id));
            let hostname = vm.map_or("a VM", |vm| vm.hostname.as_str());
            format!("{hostname} was barred at {}", evidence.t(event.at))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::Story, *};

    #[test]
    fn a_barred_machine_is_found() {
        let quiet = Story::default().vm(1, "vm-1");
        assert!(check(&quiet.clone().evidence()).is_empty());
        let found = check(&quiet.barred(1, 7_000).evidence());
        assert_eq!(found, ["vm-1 was barred at t+7.000"]);
    }
}
