//! Words from outside, on their way into the database.

use std::{fs, path::Path};

use lablink_core::{
    Actor,
    claims::{self, NotToClean},
    logs::{self, Batch, LogMessage, Place, Query},
    operations::{self, LogLevel, OperationState, Outcome, Report, Stage, Step},
    startup, vms,
};
use lablink_protocol::{ClaimOutcome, ClaimResult, CleanOutcome, CleanResult, GpuHealth, Vitals};
use serde_json::json;

use crate::scene::{Scene, kinds, name};

const VM: &str = "lablink-vm-test-1";
const SAID: &str = "a\0b\u{1b}[31m\u{1b}]0;title\u{7}c\u{9b}2J\u{202e}\r\u{8}\nd";
const STORED: &str = "abc\nd";

/// All unclean texts and JSON values in the database, as the server gives them.
async fn unclean(scene: &Scene) -> Vec<String> {
    let columns = "select table_name, column_name from information_schema.columns
                   where table_schema = 'public' and data_type in ('text', 'jsonb')
                     and table_name <> 'refinery_schema_history'";
    let client = scene.db.client().await.unwrap();
    let mut found = Vec::new();
    for row in client.query(columns, &[]).await.unwrap() {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let sql =
            format!("select \"{column}\"::text from \"{table}\" where \"{column}\" is not null");
        for value in client.query(&sql, &[]).await.unwrap() {
            let value: String = value.get(0);
            let escaped = ["\\u00", "\\b", "\\r", "\\f"].iter().any(|it| value.contains(it));
            if lablink_core::plain(&value) != value || escaped {
                found.push(format!("{table}.{column}: {value:?}"));
            }
        }
    }
    found
}

#[tokio::test]
async fn nothing_that_a_vm_or_a_program_says_is_refused_or_stored_as_it_is() {
    let scene = Scene::with_running(1).await;
    let vm = name(VM);
    let agent = &scene.by(Actor::Agent(vm.clone()));
    // An agent: its machine, its start, its GPU, its log.
    let vitals = Vitals { gpu_driver: Some(SAID.to_owned()), ..Vitals::default() };
    vms::heartbeat(agent, &vm, &vitals).await.unwrap();
    let report = startup::Report {
        other: [(SAID.to_owned(), json!([SAID, { SAID: SAID }]))].into_iter().collect(),
        ..startup::Report::default()
    };
    startup::record(agent, &vm, &report).await.unwrap();
    vms::set_gpu(agent, &vm, GpuHealth::Degraded, Some(SAID)).await.unwrap();
    let messages = [LogMessage { text: SAID.into(), at: None, sender_id: Some(SAID.into()) }];
    logs::append(agent, &vm, &Batch::of(&messages)).await.unwrap();
    // An agent: how a participant's desktop went, and cleaning.
    scene.claim("ada@example.org", "4/x").await.unwrap();
    let claim_id = scene.count("select id from claim").await;
    let result = ClaimResult {
        hostname: vm.clone(),
        claim_id,
        command_no: None,
        outcome: ClaimOutcome::Failed,
        detail: Some(SAID.to_owned()),
        fault: None,
    };
    claims::report(agent, &result).await.unwrap();
    let cleaned = CleanResult {
        hostname: vm.clone(),
        claim_id,
        outcome: CleanOutcome::Failed,
        detail: Some(SAID.to_owned()),
    };
    let refused = claims::cleaned(agent, &cleaned).await;
    assert!(matches!(refused, Err(NotToClean::Superseded)), "{refused:?}");
    // An organiser, and Terraform.
    let person = &scene.by(Actor::Admin(SAID.to_owned()));
    let id = operations::launch(person, 1).await.unwrap();
    scene
        .sql(&format!(
            "update operation set state = 'cancelled', finished_at = now() where id < {id}"
        ))
        .await;
    let taken = operations::take(person, SAID, &kinds()).await.unwrap().unwrap();
    let step = Step { detail: Some(SAID.to_owned()), stage: Stage::Failed, ..Step::waiting(vm) };
    let lines = [(LogLevel::Info, SAID.to_owned())];
    let told = Report { total: 1, lines: &lines, steps: &[step], ..Report::default() };
    taken.lease.advance(&told).await.unwrap();
    vms::doubt(&scene.scope(), &[(scene.vm_id(VM).await, SAID.to_owned())]).await.unwrap();
    let outcome =
        Outcome { state: OperationState::Failed, exit_code: None, reason: Some(SAID.to_owned()) };
    taken.lease.finish(&outcome).await.unwrap();

    // A log keeps its colours.
    let stored = scene.db.client().await.unwrap();
    let line: String = stored
        .query_one("select line from log_line order by id limit 1", &[])
        .await
        .unwrap()
        .get(0);
    assert!(line.contains("\u{1b}[31m") && !line.contains('\0'), "{line:?}");
    scene.sql("delete from log_line").await;
    assert_eq!(unclean(&scene).await, Vec::<String>::new());
    let log = operations::log(&scene.db, id, 10).await.unwrap();
    assert_eq!(log[0].line, STORED);
    assert_eq!(operations::find(person, id).await.unwrap().unwrap().reason.unwrap(), STORED);
    let detail = "select count(*) from claim where detail = E'abc\\nd'";
    assert_eq!(scene.count(detail).await, 1);
}

#[tokio::test]
async fn a_search_for_what_no_line_can_hold_is_no_error() {
    let scene = Scene::with_running(1).await;
    let messages = [LogMessage { text: "ab".into(), ..LogMessage::default() }];
    logs::append(&scene.scope(), &name(VM), &Batch::of(&messages)).await.unwrap();
    let query = Query { place: Place::End, since: None, search: Some("a\0b"), limit: 5 };
    let found = logs::read(&scene.db, scene.vm_id(VM).await, &query).await.unwrap();
    assert_eq!(found.len(), 1);
}

/// Connections that don't clean are for those who send no words: the listener, and the start.
const SENDS_NO_WORDS: [&str; 3] =
    ["core/src/live/ear.rs", "core/src/live/listener.rs", "core/src/schema/person_keys.rs"];
const DRIVERS: [&str; 5] = ["deadpool_postgres", "Client,", "Client}", "Client;", "NoTls"];

#[test]
fn nobody_gets_at_the_driver_past_what_cleans() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut past = Vec::new();
    for folder in ["core", "web", "provision", "server", "aws"] {
        look(&crates.join(folder).join("src"), &mut |file, text| {
            let file = file.strip_prefix(crates).unwrap().to_str().unwrap();
            let names = |line: &&str| line.contains("_postgres");
            let is_driven = |line: &str| DRIVERS.iter().any(|driver| line.contains(driver));
            if text.lines().filter(names).any(is_driven)
                && !file.starts_with("core/src/db/")
                && !SENDS_NO_WORDS.contains(&file)
            {
                past.push(file.to_owned());
            }
        });
    }
    assert_eq!(past, Vec::<String>::new(), "take connections from Db");
}

fn look(folder: &Path, see: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look(&path, see);
        } else {
            see(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
