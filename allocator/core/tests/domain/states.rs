//! The state of a VM as a column, and how many VMs are in each.

use futures_util::future::join_all;
use lablink_core::{
    claims::ReleaseReason,
    operations::{self, TakeBack, Then, Whose},
    vms::{self, State},
};
use lablink_protocol::{GpuHealth, Vitals, VmStatus};

use crate::scene::{Scene, admin, name};

/// States, and VMs in use, whose kept count differs from a recount in the same snapshot.
const DIFFER: &str = "with kept as (
        select state, sum(vms) as vms from (
            select state, vms from vm_count union all select new_state, 1 from vm_move
            union all select left_state, -1 from vm_move
        ) as step where state is not null group by state
    ), recount as (
        select state, count(*) as vms from vm where removed_at is null group by state
        union all select 'in_use', count(*) from vm
                  where removed_at is null and in_use and claim_id is not null
    )
    select count(*) from kept full join recount using (state)
    where coalesce(kept.vms, 0) <> coalesce(recount.vms, 0)";

#[tokio::test]
async fn kept_counts_are_those_of_a_recount_whatever_happens_at_once() {
    const VMS: u32 = 12;
    let scene = Scene::with_running(VMS).await;
    let hostname = |number: u32| name(&format!("lablink-vm-test-{number}"));
    let lives = (1..=VMS).map(|number| {
        let (scene, vm) = (&scene, hostname(number));
        async move {
            let scope = scene.scope();
            for round in 0..6 {
                let email = format!("person-{number}-{round}@example.org");
                let claimed = scene.claim(&email, "4/x").await;
                vms::set_in_use(&scope, &vm, round % 2 == 0, None).await.unwrap();
                let gpu = if round % 3 == 0 { GpuHealth::Unhealthy } else { GpuHealth::Healthy };
                vms::set_gpu(&scope, &vm, gpu, None).await.unwrap();
                vms::heartbeat(&scope, &vm, &Vitals::default()).await.unwrap();
                vms::goodbye(&scope, &vm).await.unwrap();
                assert_eq!(scene.count(DIFFER).await, 0);
                vms::heartbeat(&scope, &vm, &Vitals::default()).await.unwrap();
                scene.report(vm.as_str(), VmStatus::Error).await;
                scene.report(vm.as_str(), VmStatus::Running).await;
                if let Ok(granted) = claimed {
                    let teacher = scene.by(admin());
                    let wish = TakeBack {
                        hostname: &granted.hostname,
                        whose: Whose::Anybodys,
                        reason: ReleaseReason::Released,
                        then: Then::Reuse,
                    };
                    operations::take_back(&teacher, &wish).await.unwrap();
                }
            }
        }
    });
    let passes = async {
        for _ in 0..60 {
            vms::keep_states(&scene.scope()).await.unwrap();
            assert_eq!(scene.count(DIFFER).await, 0);
        }
    };
    tokio::join!(join_all(lives), passes, async {
        for _ in 0..60 {
            vms::keep_states(&scene.scope()).await.unwrap();
        }
    });
    scene.remove("lablink-vm-test-1").await;
    assert_eq!(scene.count(DIFFER).await, 0);
    vms::keep_states(&scene.scope()).await.unwrap();
    assert_eq!(scene.count(DIFFER).await, 0);
    assert_eq!(scene.count("select count(*) from vm_move").await, 0, "all is folded in");
    let counts = vms::counts(&scene.scope()).await.unwrap();
    let all = counts.free + counts.token_due + counts.used + counts.unhealthy + counts.failed;
    assert_eq!(all, i64::from(VMS) - 1, "{counts:?}");
}

/// The words stand in the enum and in the column's definition.
#[tokio::test]
async fn the_column_knows_every_state_and_no_other() {
    let scene = Scene::new().await;
    let rule = scene
        .text(
            "select pg_get_expr(adbin, adrelid) from pg_attrdef
             join pg_attribute on attrelid = adrelid and attnum = adnum
             where adrelid = 'vm'::regclass and attname = 'state'",
        )
        .await;
    let results = rule.split("THEN '").chain(rule.split("ELSE '")).skip(1);
    let mut words: Vec<&str> =
        results.filter_map(|rest| rest.split_once('\'')).map(|(word, _)| word).collect();
    words.retain(|word| !word.contains(' '));
    let known: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
    for word in &known {
        assert!(words.contains(word), "{word} is never reached: {rule}");
    }
    for word in words {
        assert!(known.contains(&word) || word.is_empty(), "{word} is no state");
    }
}

#[tokio::test]
async fn one_agent_that_is_heard_again_says_nothing_of_the_others() {
    let scene = Scene::with_running(3).await;
    scene
        .sql(
            "update vm set stale_at = now(), suspect_at = now() where number <= 2;
             insert into vm_presence (vm_id, last_seen) select id, now() from vm where number = 1;
             insert into vm_presence (vm_id, last_seen, check_at)
             select id, now() - interval '1 hour', null from vm where number = 2",
        )
        .await;
    vms::keep_states(&scene.scope()).await.unwrap();
    let in_state = async |state: &str| {
        scene
            .count(&format!("select coalesce(sum(number), 0) from vm where state = '{state}'"))
            .await
    };
    assert_eq!(in_state("suspect").await, 2, "the second one alone");
    assert_eq!(in_state("free").await, 1 + 3);
}
