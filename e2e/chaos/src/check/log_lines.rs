//! What was acknowledged is stored, nothing is stored twice, and in the order in which it came.

use std::collections::BTreeMap;

use super::Evidence;

pub fn check(evidence: &Evidence) -> Vec<String> {
    let mut stored: BTreeMap<&str, Vec<(i64, usize)>> = BTreeMap::new();
    for (position, line) in evidence.facts.lines.iter().enumerate() {
        stored.entry(&line.event_id).or_default().push((line.vm_id, position));
    }
    let mut found = Vec::new();
    for (id, places) in &stored {
        // A VM that took another's place has a log of its own.
        let mut vms: Vec<i64> = places.iter().map(|(vm, _)| *vm).collect();
        vms.dedup();
        if vms.len() < places.len() {
            found.push(format!("line {id} is stored {} times", places.len()));
        }
    }
    for batch in evidence.history.batches.iter().filter(|batch| batch.acknowledged) {
        let missing = batch.ids.iter().filter(|id| !stored.contains_key(id.as_str())).count();
        if missing > 0 {
            found.push(format!(
                "{missing} of {} lines of {} that were acknowledged at {} are not stored",
                batch.ids.len(),
                batch.hostname,
                evidence.t(batch.at)
            ));
        }
        let positions: Vec<usize> =
            batch.ids.iter().filter_map(|id| Some(stored.get(id.as_str())?.first()?.1)).collect();
        if !positions.is_sorted() {
            found.push(format!(
                "lines of {} of {} are in another order",
                batch.hostname,
                evidence.t(batch.at)
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    fn sent() -> Story {
        Story::default().batch("a", &["x", "y"], true)
    }

    #[test]
    fn lines_that_are_there_once_are_right() {
        assert!(check(&sent().line(1, "x").line(1, "y").evidence()).is_empty());
        let again_of_its_successor = sent().line(1, "x").line(1, "y").line(2, "x").line(2, "y");
        assert!(check(&again_of_its_successor.evidence()).is_empty());
        assert!(check(&Story::default().batch("a", &["x"], false).evidence()).is_empty());
    }

    #[test]
    fn lost_doubled_and_shuffled_lines_are_found() {
        assert_eq!(check(&sent().line(1, "x").evidence()).len(), 1);
        assert_eq!(check(&sent().line(1, "x").line(1, "y").line(1, "y").evidence()).len(), 1);
        assert_eq!(check(&sent().line(1, "y").line(1, "x").evidence()).len(), 1);
    }
}
