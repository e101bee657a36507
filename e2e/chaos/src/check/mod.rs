//! The rules. Each reads what clients saw, what the machines noted and what the database holds, and
//! tells every breach with what shows it.

mod alarms;
mod answers;
mod claims;
mod commands;
mod evidence;
#[cfg(test)]
mod fixture;
mod hangs;
mod line;
mod log_lines;
mod machines;
mod promises;
mod service;
mod slack;
mod spoken_for;
mod used;

use serde::Serialize;

pub use evidence::Evidence;

/// A breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub rule: &'static str,
    pub what: String,
}

/// One rule: every breach, in words.
type Rule = fn(&Evidence) -> Vec<String>;

const RULES: [(&str, Rule); 12] = [
    ("one claim a VM, one VM a person", claims::check),
    ("what a participant was told is so", promises::check),
    ("the line is served in its order", line::check),
    ("log lines are there, once", log_lines::check),
    ("a VM spoken for is nobody else's", spoken_for::check),
    ("machines go and come only when they are named", machines::check),
    ("a command is started once", commands::check),
    ("nobody gets a used machine", used::check),
    ("no alarm without a thief", alarms::check),
    ("no operation hangs", hangs::check),
    ("service is back in 5 s", service::check),
    ("no error of ours, no panic", answers::check),
];

pub fn check(evidence: &Evidence) -> Vec<Finding> {
    let breaches = RULES
        .iter()
        .flat_map(|(rule, check)| check(evidence).into_iter().map(|what| Finding { rule, what }));
    breaches.collect()
}
