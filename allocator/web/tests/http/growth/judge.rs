//! What is wrong with a plan, in plain words: it reads, sorts or counts more than a page, however
//! large the database is.

use std::collections::HashSet;

use serde_json::Value;

/// For whom a statement runs.
#[derive(Clone, Copy)]
pub enum For {
    /// Somebody waits.
    Request,
    /// Nobody does: a task goes through large tables in steps.
    Task,
}

impl For {
    /// Rows that a page may show, and so be sorted.
    fn page(self) -> f64 {
        match self {
            Self::Request => 200.0,
            Self::Task => 5_000.0,
        }
    }

    /// Rows that one node of a plan may read: a page of the longest list, with what does not fit.
    fn read(self) -> f64 {
        match self {
            Self::Request => 1_000.0,
            Self::Task => 5_000.0,
        }
    }
}

/// Blocks of 8 kB that a whole statement may touch. A look at one row by an index takes three or
/// four.
const BLOCKS: f64 = 4_000.0;

pub struct Judge {
    growing: HashSet<String>,
}

impl Judge {
    /// `growing`: tables that have ever more rows.
    pub fn new(growing: Vec<String>) -> Self {
        Self { growing: growing.into_iter().collect() }
    }

    /// What is wrong, by each step of the plan. Nothing: it costs the same however much there is.
    pub fn faults(&self, runs_for: For, plan: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.look(runs_for, plan, &mut faults);
        let blocks = number(plan, "Shared Hit Blocks") + number(plan, "Shared Read Blocks");
        if blocks > BLOCKS * runs_for.read() / 1_000.0 && faults.is_empty() {
            faults.push(format!("touches {blocks} blocks"));
        }
        faults
    }

    fn look(&self, runs_for: For, node: &Value, faults: &mut Vec<String>) {
        faults.extend(self.fault(runs_for, node));
        for below in node["Plans"].as_array().into_iter().flatten() {
            self.look(runs_for, below, faults);
        }
    }

    fn fault(&self, runs_for: For, node: &Value) -> Option<String> {
        let kind = node["Node Type"].as_str().unwrap_or_default();
        let table = node["Relation Name"].as_str().filter(|table| self.growing.contains(*table));
        let passed_over =
            number(node, "Rows Removed by Filter") + number(node, "Rows Removed by Index Recheck");
        let read = (number(node, "Actual Rows") + passed_over) * number(node, "Actual Loops");
        match (kind, table) {
            ("Seq Scan", Some(table)) => Some(format!("reads all of {table} from end to end")),
            ("Insert" | "Update" | "Delete" | "ModifyTable", _) => None,
            (_, Some(table)) if read > runs_for.read() => {
                let index = node["Index Name"].as_str();
                let by = index.map(|index| format!(" by {index}")).unwrap_or_default();
                let passed_over = passed_over * number(node, "Actual Loops");
                Some(format!("reads {read} rows of {table}{by}, {passed_over} of them in vain"))
            }
            ("Sort" | "Incremental Sort", _) => over(runs_for, node, "sorts"),
            ("Aggregate" | "WindowAgg" | "Group" | "Unique", _) => {
                over(runs_for, node, "counts or groups")
            }
            ("Hash", _) => over(runs_for, node, "gathers"),
            ("Nested Loop" | "Hash Join" | "Merge Join", _) => {
                let tried =
                    number(node, "Rows Removed by Join Filter") * number(node, "Actual Loops");
                (tried > runs_for.read()).then(|| format!("tries {tried} pairs of rows in vain"))
            }
            _ => None,
        }
    }
}

/// A step that takes all its rows before it gives one. Its conditions may have plans of their own,
/// which are judged by themselves.
fn over(runs_for: For, node: &Value, does: &str) -> Option<String> {
    let feeds = |below: &&Value| {
        matches!(below["Parent Relationship"].as_str(), Some("Outer" | "Inner" | "Subquery"))
    };
    let below = node["Plans"].as_array().into_iter().flatten().filter(feeds);
    let rows: f64 = below.map(|it| number(it, "Actual Rows") * number(it, "Actual Loops")).sum();
    let each_time = rows / number(node, "Actual Loops").max(1.0);
    (each_time > runs_for.page() || rows > runs_for.read()).then(|| format!("{does} {rows} rows"))
}

fn number(node: &Value, key: &str) -> f64 {
    node[key].as_f64().unwrap_or(0.0)
}
