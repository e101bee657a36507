use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use lablink_core::{
    logs::{self, Batch, Line, LogMessage, Place, Query, Retention},
    vms::{self, ReportError},
};

use crate::scene::{Scene, name};

const VM: &str = "lablink-vm-test-1";

fn message(text: &str) -> LogMessage {
    LogMessage { text: text.to_owned(), ..LogMessage::default() }
}

fn event(text: &str, id: &str) -> LogMessage {
    LogMessage { sender_id: Some(id.to_owned()), ..message(text) }
}

async fn append(scene: &Scene, messages: &[LogMessage]) -> i64 {
    logs::append(&scene.scope(), &name(VM), &Batch::of(messages)).await.unwrap()
}

async fn read(scene: &Scene, query: Query<'_>) -> Vec<Line> {
    let vm = vms::find(&scene.scope(), &name(VM)).await.unwrap().unwrap();
    logs::read(&scene.db, vm.id, &query).await.unwrap()
}

async fn texts(scene: &Scene, query: Query<'_>) -> Vec<String> {
    read(scene, query).await.into_iter().map(|line| line.text).collect()
}

const END: Query<'static> = Query { place: Place::End, since: None, search: None, limit: 1000 };

#[tokio::test]
async fn lines_are_kept_in_the_order_in_which_they_came() {
    let scene = Scene::with_running(2).await;
    assert_eq!(append(&scene, &[message("one"), message("two\nthree\n")]).await, 3);
    assert_eq!(append(&scene, &[message("four\0")]).await, 1);
    let other = name("lablink-vm-test-2");
    logs::append(&scene.scope(), &other, &Batch::of(&[message("not mine")])).await.unwrap();
    assert_eq!(texts(&scene, END).await, ["one", "two", "three", "four␀"]);
}

#[tokio::test]
async fn an_unknown_or_removed_vm_has_no_log_to_append_to() {
    let scene = Scene::with_running(1).await;
    scene.sql("update vm set removed_at = now()").await;
    for hostname in [VM, "nobody"] {
        let refused =
            logs::append(&scene.scope(), &name(hostname), &Batch::of(&[message("x")])).await;
        assert!(matches!(refused, Err(ReportError::NoSuchVm)), "{hostname}");
    }
    assert_eq!(scene.count("select count(*) from log_line").await, 0);
}

#[tokio::test]
async fn a_message_that_comes_again_is_stored_once() {
    let scene = Scene::with_running(2).await;
    let batch = [event("a\nb", "1"), event("c", "2")];
    assert_eq!(append(&scene, &batch).await, 3);
    assert_eq!(append(&scene, &batch).await, 0);
    assert_eq!(append(&scene, &[event("c", "2"), event("d", "3"), event("d", "3")]).await, 1);
    assert_eq!(texts(&scene, END).await, ["a", "b", "c", "d"]);
    let other = name("lablink-vm-test-2");
    assert_eq!(
        logs::append(&scene.scope(), &other, &Batch::of(&batch)).await.unwrap(),
        3,
        "per VM"
    );
    assert_eq!(append(&scene, &[message("e"), message("e")]).await, 2, "nameless ones may repeat");
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_that_overlap_store_each_message_once() {
    let scene = Scene::with_running(1).await;
    let batches: Vec<Vec<LogMessage>> = (0..10)
        .map(|batch| (0..100).map(|nr| event("x", &format!("{batch}-{nr}"))).collect())
        .collect();
    let stored =
        join_all(batches.iter().chain(&batches).chain(&batches).map(|b| append(&scene, b)));
    assert_eq!(stored.await.iter().sum::<i64>(), 1000);
    assert_eq!(scene.count("select count(*) from log_line").await, 1000);
    assert_eq!(scene.count("select lines from log_volume").await, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_by_id_misses_nothing_while_many_write() {
    let scene = Scene::with_running(1).await;
    let writers = join_all((0..8).map(|writer| {
        let scene = &scene;
        async move {
            for nr in 0..25 {
                let texts: Vec<LogMessage> =
                    (0..20).map(|line| message(&format!("{writer} {nr} {line}"))).collect();
                append(scene, &texts).await;
            }
        }
    }));
    let follower = async {
        let (mut seen, mut last) = (0, 0);
        while seen < 8 * 25 * 20 {
            let query = Query { place: Place::After(last), ..END };
            let lines = read(&scene, query).await;
            last = lines.last().map_or(last, |line| line.id);
            seen += lines.len();
        }
        seen
    };
    let both = async { tokio::join!(writers, follower) };
    let (_, seen) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    assert_eq!(seen, 4000);
}

#[tokio::test]
async fn a_log_is_read_by_tail_by_page_by_time_and_by_search() {
    let scene = Scene::with_running(1).await;
    let at = |second| Some(Timestamp::from_second(second).unwrap());
    let messages: Vec<LogMessage> = (1..=9)
        .map(|nr| LogMessage { at: at(1000 + nr), ..message(&format!("Line {nr} 100%_\\")) })
        .collect();
    append(&scene, &messages).await;
    let numbers = |lines: Vec<String>| -> Vec<String> {
        lines.iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
    };
    let tail = read(&scene, Query { limit: 3, ..END }).await;
    assert_eq!(tail[0].at, Timestamp::from_second(1007).unwrap());
    let before = Query { place: Place::Before(tail[0].id), limit: 2, ..END };
    assert_eq!(numbers(texts(&scene, before).await), ["5", "6"]);
    let after = Query { place: Place::After(tail[0].id), ..END };
    assert_eq!(numbers(texts(&scene, after).await), ["8", "9"]);
    let start = Query { place: Place::After(0), limit: 2, ..END };
    assert_eq!(numbers(texts(&scene, start).await), ["1", "2"]);
    let since = Query { since: at(1008), ..END };
    assert_eq!(numbers(texts(&scene, since).await), ["8", "9"]);
    let search = |text| Query { search: Some(text), ..END };
    assert_eq!(numbers(texts(&scene, search("lINE 4")).await), ["4"]);
    assert_eq!(texts(&scene, search("%_\\")).await.len(), 9, "these have no meaning of their own");
    assert_eq!(texts(&scene, search("1_0")).await.len(), 0);
}

#[tokio::test]
async fn a_clock_that_runs_ahead_counts_as_now() {
    let scene = Scene::with_running(1).await;
    let ahead = Timestamp::from_second(9_000_000_000).unwrap();
    append(&scene, &[LogMessage { at: Some(ahead), ..message("x") }]).await;
    let lines = read(&scene, END).await;
    assert!(Timestamp::now().duration_since(lines[0].at).as_secs().abs() < 60);
}

#[tokio::test]
async fn old_lines_go_in_steps_and_new_ones_stay() {
    let scene = Scene::with_running(1).await;
    append(&scene, &(0..12_000).map(|_| message("old")).collect::<Vec<_>>()).await;
    scene.sql("update log_line set at = now() - interval '2 hours'").await;
    append(&scene, &[message("new")]).await;
    let hour = Retention { age: Some(Duration::from_secs(3600)), bytes_per_vm: None };
    assert_eq!(logs::sweep(&scene.db, hour).await.unwrap(), 12_000);
    assert_eq!(texts(&scene, END).await, ["new"]);
    assert_eq!(scene.count("select lines from log_volume").await, 1);
    assert_eq!(logs::sweep(&scene.db, hour).await.unwrap(), 0);
    let forever = Retention { age: None, bytes_per_vm: None };
    assert_eq!(logs::sweep(&scene.db, forever).await.unwrap(), 0);
}

#[tokio::test]
async fn a_log_that_grows_too_large_loses_its_oldest_lines_only() {
    let scene = Scene::with_running(2).await;
    let text = "x".repeat(936);
    append(&scene, &(0..50).map(|nr| message(&format!("{nr:02}{text}"))).collect::<Vec<_>>()).await;
    let other = name("lablink-vm-test-2");
    logs::append(&scene.scope(), &other, &Batch::of(&[message("small")])).await.unwrap();
    let limit = Retention { age: None, bytes_per_vm: Some(10_340) };
    assert_eq!(logs::sweep(&scene.db, limit).await.unwrap(), 40);
    let lines = texts(&scene, END).await;
    assert_eq!((lines.len(), &lines[0][..2]), (10, "40"));
    assert_eq!(scene.count("select count(*) from log_line").await, 11);
    assert_eq!(scene.count("select sum(bytes)::bigint from log_volume").await, 10_340 + 101);
}

#[tokio::test]
async fn ids_of_events_count_as_much_as_they_take() {
    let scene = Scene::with_running(1).await;
    let long = |nr: i64| format!("{nr:0>256}");
    // Each line of a message has its id.
    append(&scene, &[event(&"x\n".repeat(500), &long(0))]).await;
    let each = 1 + 96 + 32 + 2 * 256;
    assert_eq!(scene.count("select bytes from log_volume").await, 500 * each);
    // Some come again: those that are new are counted alike.
    append(&scene, &[event(&"x\n".repeat(600), &long(0))]).await;
    assert_eq!(scene.count("select bytes from log_volume").await, 600 * each);
    let limit = Retention { age: None, bytes_per_vm: Some(100 * each) };
    assert_eq!(logs::sweep(&scene.db, limit).await.unwrap(), 500);
    assert_eq!(scene.count("select bytes from log_volume").await, 100 * each);
    let really = "select pg_column_size(row(log_line.*))::bigint from log_line limit 1";
    assert!(scene.count(really).await < each, "no less than it takes");
}

#[tokio::test]
async fn dropped_lines_are_counted_even_where_none_is_left() {
    let scene = Scene::with_running(1).await;
    let vm_id = scene.vm_id(VM).await;
    assert_eq!(logs::dropped(&scene.db, vm_id).await.unwrap(), None);
    let messages = [message("a\nb\nc")];
    let mut batch = Batch::of(&messages);
    batch.keep(1, u64::MAX);
    assert_eq!(logs::append(&scene.scope(), &name(VM), &batch).await.unwrap(), 1);
    batch.keep(0, 0);
    assert_eq!(logs::append(&scene.scope(), &name(VM), &batch).await.unwrap(), 0);
    assert_eq!(texts(&scene, END).await, ["a"]);
    let dropped = logs::dropped(&scene.db, vm_id).await.unwrap().unwrap();
    assert_eq!(dropped.lines, 2 + 3);
    assert!(Timestamp::now().duration_since(dropped.at).as_secs() < 60);
    // What is stored later leaves that as it is.
    append(&scene, &[message("d")]).await;
    assert_eq!(logs::dropped(&scene.db, vm_id).await.unwrap(), Some(dropped));
}
