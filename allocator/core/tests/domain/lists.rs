//! Lists of VMs, page by page, and what is done with all that a list shows.

use std::collections::HashSet;

use lablink_core::{
    Cursor, PageError,
    operations::{self, AskError},
    vms::{self, Beginning, Page, Place, SelectError, Selection, Sort, State, View, VmsError},
};
use lablink_protocol::{Vitals, VmStatus};

use crate::scene::{Scene, admin, name};

const LIMIT: u16 = 3;

async fn page(scene: &Scene, view: &View, place: Place) -> Page {
    vms::page(&scene.scope(), view, &place, LIMIT).await.unwrap()
}

fn names(page: &Page) -> Vec<String> {
    page.vms.iter().map(|vm| vm.hostname.as_str().replace("lablink-vm-test-", "")).collect()
}

/// All VMs of a list, leafed through to its end and back.
async fn walked(scene: &Scene, view: View) -> Vec<String> {
    let mut pages = vec![page(scene, &view, Place::Start).await];
    while let Some(next) = pages[pages.len() - 1].next.clone() {
        pages.push(page(scene, &view, Place::After(next)).await);
    }
    let there: Vec<String> = pages.iter().flat_map(names).collect();
    let mut place = pages[pages.len() - 1].previous.clone();
    for before in pages.iter().rev().skip(1) {
        let found = page(scene, &view, Place::Before(place.unwrap())).await;
        assert_eq!(names(&found), names(before), "{view:?}, backward");
        place = found.previous;
    }
    assert_eq!(place, None, "{view:?}: the first page has none before it");
    there
}

fn matching(text: &str) -> View {
    View::Matching(Beginning::typed(text).unwrap())
}

/// Seven VMs in several states, and two machines without a number.
async fn scene() -> Scene {
    let scene = Scene::with_running(7).await;
    scene.claim("zoe@example.org", "4/x").await.unwrap();
    scene.claim("ada_100%@example.org", "4/x").await.unwrap();
    scene.report("lablink-vm-test-3", VmStatus::Error).await;
    vms::heartbeat(&scene.scope(), &name("lablink-vm-test-4"), &Vitals::default()).await.unwrap();
    scene
        .sql("update vm_presence set last_seen = now() - interval '2 minutes', check_at = now()")
        .await;
    vms::keep_states(&scene.scope()).await.unwrap();
    for desk in ["desk-b", "desk-a"] {
        vms::register(&scene.by(admin()), Some(name(desk)), None).await.unwrap();
    }
    scene
}

#[tokio::test]
async fn each_order_shows_each_vm_once_there_and_back() {
    let scene = scene().await;
    let all = async |sort| walked(&scene, View::All(sort)).await;
    let desks = ["desk-b", "desk-a"];
    assert_eq!(all(Sort::Number).await, ["1", "2", "3", "4", "5", "6", "7", desks[0], desks[1]]);
    assert_eq!(all(Sort::Name).await, [desks[1], desks[0], "1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(all(Sort::Newest).await, [desks[1], desks[0], "7", "6", "5", "4", "3", "2", "1"]);
    let trouble = ["3", desks[0], desks[1], "4", "1", "2", "5", "6", "7"];
    assert_eq!(all(Sort::Trouble).await, trouble);
    let silence = ["4", "3", desks[0], desks[1], "1", "2", "5", "6", "7"];
    assert_eq!(all(Sort::Silence).await, silence);
    assert_eq!(all(Sort::Participant).await, ["2", "1"], "those that somebody has");
    for (state, numbers) in [
        (State::Free, &["5", "6", "7"][..]),
        (State::Claimed, &["1", "2"]),
        (State::Failed, &["3"]),
        (State::Stale, &["4"]),
        (State::Starting, &desks),
        (State::Barred, &[]),
    ] {
        assert_eq!(walked(&scene, View::In(state)).await, numbers, "{state}");
        let counts = vms::counts(&scene.scope()).await.unwrap();
        assert_eq!(counts.of(state), i64::try_from(numbers.len()).unwrap(), "{state}");
    }
}

#[tokio::test]
async fn what_is_typed_finds_a_number_or_a_beginning() {
    let scene = scene().await;
    let found = async |text: &str| walked(&scene, matching(text)).await;
    assert_eq!(found("4").await, ["4"]);
    assert_eq!(found("LabLink-VM-test-4").await, ["4"]);
    assert_eq!(found("desk").await, ["desk-a", "desk-b"]);
    assert_eq!(found("Zoe@").await, ["1"]);
    assert_eq!(found(" zoe@Example.org. ").await, ["1"], "a whole address however it is spelt");
    assert_eq!(found("ada_100%").await, ["2"]);
    for nothing in ["%", "_", "da_100", "example.org", "8", "99999999999"] {
        assert_eq!(found(nothing).await, [""; 0], "{nothing}");
    }
    scene.claim("lablink-vm-test@example.org", "4/x").await.unwrap();
    let mut all = found("lablink-vm-test").await;
    assert_eq!(all[0], "5", "people come first");
    all.sort();
    assert_eq!(all, ["1", "2", "3", "4", "5", "6", "7"], "each once");
    assert_eq!(vms::count(&scene.scope(), &matching("desk"), 9).await.unwrap(), 2);
    assert_eq!(vms::count(&scene.scope(), &matching("lablink"), 4).await.unwrap(), 4, "and more");
}

#[tokio::test]
async fn a_walk_sees_each_vm_that_stays_once_while_others_come_and_go() {
    let scene = Scene::with_running(9).await;
    for sort in [Sort::Number, Sort::Name, Sort::Newest] {
        let view = View::All(sort);
        let stay: HashSet<String> = walked(&scene, view.clone()).await.into_iter().collect();
        let (mut seen, mut place) = (Vec::new(), Place::Start);
        for round in 0.. {
            let found = page(&scene, &view, place).await;
            seen.extend(names(&found));
            // One that is on no page any more, and one that may be on the next.
            scene.launch(1).await;
            scene
                .sql(
                    "update vm set removed_at = now() where id = (
                          select max(id) from vm where removed_at is null)",
                )
                .await;
            scene.launch(2).await;
            match found.next {
                Some(next) => place = Place::After(next),
                None => break,
            }
            assert!(round < 50, "the walk has an end");
        }
        let once: HashSet<String> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "{sort}: {seen:?}");
        assert!(once.is_superset(&stay), "{sort}: {seen:?} lacks some of {stay:?}");
        scene.sql("update vm set removed_at = now() where number > 9 and removed_at is null").await;
    }
}

#[tokio::test]
async fn a_page_stands_where_it_was_though_its_neighbours_are_gone() {
    let scene = Scene::with_running(7).await;
    let view = View::All(Sort::Number);
    let first = page(&scene, &view, Place::Start).await;
    let second = page(&scene, &view, Place::After(first.next.unwrap())).await;
    scene.sql("update vm set removed_at = now() where number in (3, 4, 7)").await;
    let third = page(&scene, &view, Place::After(second.next.unwrap())).await;
    assert_eq!(names(&third), [""; 0]);
    let back = page(&scene, &view, Place::Before(third.previous.unwrap())).await;
    assert_eq!(names(&back), ["1", "2", "5"], "a first page is full");
    assert!(back.previous.is_none() && back.next.is_some());
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let scene = Scene::with_running(1).await;
    for text in ["", "x", "17-4711", "9.1", "0.x", "0.", "0.99999999999999999999"] {
        let Ok(cursor) = text.parse::<Cursor>() else { continue };
        let (scope, view) = (scene.scope(), View::All(Sort::Number));
        let asked = vms::page(&scope, &view, &Place::After(cursor), LIMIT).await;
        assert!(matches!(asked, Err(PageError::Cursor(_))), "{text}");
    }
}

#[tokio::test]
async fn what_a_list_shows_is_destroyed_and_nothing_else() {
    let scene = scene().await;
    let destroyed = async |view: View, at_most| {
        let shown = Selection::Shown { view, at_most };
        let id = operations::destroy(&scene.by(admin()), &shown).await?;
        let hostnames = scene.hostnames_of(id).await.into_iter();
        let hostnames = hostnames.map(|it| it.replace("lablink-vm-test-", ""));
        Ok::<Vec<String>, AskError>(hostnames.collect())
    };
    let told = destroyed(View::In(State::Free), Some(2)).await;
    let more = |told| {
        matches!(
            told,
            Err(AskError::Vms(VmsError::Selection(SelectError::MoreThanTold { told: 2, now: 3 })))
        )
    };
    assert!(more(told), "more than its reader knows of");
    assert_eq!(scene.count("select count(*) from vm where removing_at is not null").await, 0);
    assert_eq!(destroyed(View::In(State::Free), Some(3)).await.unwrap(), ["5", "6", "7"]);
    assert_eq!(destroyed(matching("zoe"), Some(1)).await.unwrap(), ["1"]);
    assert_eq!(destroyed(matching("lablink-vm-test-3"), None).await.unwrap(), ["3"]);
    assert_eq!(destroyed(matching("2"), None).await.unwrap(), ["2"]);
    let desks = destroyed(matching("desk"), None).await;
    let nothing = |it| matches!(it, Err(AskError::Vms(VmsError::NothingSelected)));
    assert!(nothing(desks), "machines registered by hand stay");
    let all = destroyed(View::All(Sort::Name), None).await.unwrap();
    assert_eq!(all, ["1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test]
async fn operations_are_counted_as_they_change() {
    let scene = Scene::new().await;
    let first = scene.launch(1).await;
    scene.launch(1).await;
    let lease = operations::take(&scene.scope(), "worker", &crate::scene::kinds()).await.unwrap();
    assert_eq!(lease.unwrap().operation.id, first);
    let counts = operations::counts(&scene.scope()).await.unwrap();
    let counted = |state: &str| ("launch".to_owned(), state.to_owned(), 1);
    assert_eq!(counts, [counted("queued"), counted("running")]);
    let differ = "select count(*) from (
                      select kind, state, operations from operation_count where operations <> 0
                      except select kind, state, count(*) from operation group by kind, state) as it";
    assert_eq!(scene.count(differ).await, 0);
}
