//! Every write beside every other: none of them ends another by a deadlock.

use std::{future::Future, pin::Pin, time::Duration};

use lablink_core::{
    Actor, DbError, Neighbours, Token,
    admissions::{self, Known},
    agents::{self, LiftError, Misuse, RenewError},
    channels,
    claims::{self, ClaimId, LockOutError, NoSuchClaim, ReleaseReason, Request, RequestError},
    collections::{self, Kept},
    events,
    line::{self, Presented, Removal},
    operations::{
        self, Again, Ask, Counts, Makes, Outcome, RebootError, Report, Stage, Step, TakeBack,
        TakeBackError, Then, Whose,
    },
    placement::{self, Refused, Shortage},
    pools::{PerAddress, PlacesPerAddress},
    scope::{Key, Once},
    state, usage,
    vms::{self, Selection, Sort, View},
};
use lablink_protocol::{
    BrowserDesktop, ChannelTarget, ClaimOutcome, ClaimResult, CrdCode, Fault, GpuHealth,
    TokenKeeping, Vitals, VmStatus,
};

use crate::scene::{Scene, admin, alone, begin, kinds, name};

const ROUNDS: usize = 2;
const ONE: &str = "lablink-vm-test-1";
const TWO: &str = "lablink-vm-test-2";

type Write = for<'s> fn(&'s Scene) -> Pin<Box<dyn Future<Output = ()> + 's>>;

/// What two callers may do at once. What the rules refuse is no failure here; what the database
/// refuses is.
const WRITES: [(&str, Write); 41] = [
    ("claim", |scene| {
        Box::pin(async {
            let who = format!("p{}@example.org", rand_number());
            // It fails by itself when the database does.
            let _refused = scene.claim(&who, "4/x").await;
        })
    }),
    ("claim-result", |scene| {
        Box::pin(async {
            for (claim_id, hostname) in open_claims(scene).await {
                let result = ClaimResult {
                    hostname: name(&hostname),
                    claim_id: claim_id.into(),
                    command_no: None,
                    outcome: ClaimOutcome::Connected,
                    detail: None,
                    fault: None,
                };
                let agent = Actor::Agent(name(&hostname));
                match claims::report(&scene.by(agent), &result).await {
                    Ok(()) | Err(NoSuchClaim::Superseded) => {}
                    Err(NoSuchClaim::Db(error)) => panic!("{error:?}"),
                }
            }
        })
    }),
    ("claim-result of a faulty machine", |scene| {
        Box::pin(async {
            for (claim_id, hostname) in open_claims(scene).await {
                let result = ClaimResult {
                    hostname: name(&hostname),
                    claim_id: claim_id.into(),
                    command_no: None,
                    outcome: ClaimOutcome::Failed,
                    detail: None,
                    fault: Some(Fault::Machine),
                };
                let agent = Actor::Agent(name(&hostname));
                match claims::report(&scene.by(agent), &result).await {
                    Ok(()) | Err(NoSuchClaim::Superseded) => {}
                    Err(NoSuchClaim::Db(error)) => panic!("{error:?}"),
                }
            }
        })
    }),
    ("release for reuse", |scene| Box::pin(take_back(scene, Then::Reuse))),
    ("release and replace", |scene| Box::pin(take_back(scene, Then::Replace))),
    ("status", |scene| {
        Box::pin(async {
            for (hostname, status) in
                [(TWO, VmStatus::Initializing), (ONE, VmStatus::Running), (TWO, VmStatus::Running)]
            {
                report(scene, hostname, status).await;
            }
        })
    }),
    ("GPU", |scene| {
        Box::pin(async {
            for health in [GpuHealth::Unhealthy, GpuHealth::Healthy] {
                let set = vms::set_gpu(&scene.scope(), &name(ONE), health, None).await;
                set.or_else(gone).unwrap();
            }
        })
    }),
    ("history dropped", |scene| {
        Box::pin(async {
            let kept = events::Retention { age: Some(Duration::from_secs(1)), per_vm: Some(5) };
            events::sweep(&scene.db, kept).await.unwrap();
        })
    }),
    ("use", |scene| {
        Box::pin(async {
            let agent = scene.by(Actor::Agent(name(ONE)));
            let in_use = rand_number().is_multiple_of(2);
            let used = vms::set_in_use(&agent, &name(ONE), in_use, None).await;
            used.or_else(gone).unwrap();
        })
    }),
    ("goodbye", |scene| {
        Box::pin(async {
            vms::goodbye(&scene.scope(), &name(ONE)).await.or_else(gone).unwrap();
            let (vm, vitals) = (name(ONE), Vitals::default());
            vms::heartbeat(&scene.scope(), &vm, &vitals).await.or_else(gone).unwrap();
        })
    }),
    ("instance heard", |scene| {
        Box::pin(async {
            let unheard = format!(
                "update vm set source = 'aws', heard_at = null,
                said_running_at = now() where hostname = '{ONE}' and removed_at is null"
            );
            scene.sql(&unheard).await;
            vms::hear(&scene.scope(), &name(ONE)).await.unwrap();
        })
    }),
    ("instances noted", |scene| {
        Box::pin(async {
            let instance = vms::Instance {
                id: format!("i-{}", rand_number()),
                machine_type: "t3.small".to_owned(),
                zone: "us-west-2a".to_owned(),
                private_address: None,
                public_address: None,
            };
            let names = [name(TWO), name(ONE)];
            let found = names.iter().map(|it| (it, &instance));
            vms::note_instances(&scene.scope(), found).await.unwrap();
        })
    }),
    ("use over time", |scene| {
        Box::pin(async {
            usage::record(&scene.scope()).await.unwrap();
        })
    }),
    ("destroy of what a list shows, taken back", |scene| {
        Box::pin(async {
            let view = View::All(Sort::Number);
            let shown = Selection::Shown { view, at_most: None };
            if let Ok(id) = operations::destroy(&scene.by(admin()), &shown).await {
                operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap();
            }
        })
    }),
    ("destroy, taken back", |scene| {
        Box::pin(async {
            let all = Selection::All;
            match operations::destroy(&scene.by(admin()), &all).await {
                Ok(id) => {
                    operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap();
                }
                Err(operations::AskError::Vms(vms::VmsError::NothingSelected)) => {}
                Err(other) => panic!("{other:?}"),
            }
        })
    }),
    ("claim and release with keys that others send too", |scene| {
        Box::pin(async {
            let key = || Key::presented("a-key-of-two-who-race-each-other");
            let email = "both@example.org".parse().unwrap();
            let code = CrdCode::from_command("--code=4/x").unwrap();
            let (proof, neighbours) = (None, &alone());
            let request =
                Request { email: &email, code: Some(&code), proof, neighbours, key: key() };
            match claims::request(&scene.scope(), &scene.intake, &request).await {
                Ok(_) | Err(RequestError::Refused(_) | RequestError::Db(DbError::KeyReused)) => {}
                Err(RequestError::Db(error)) => panic!("{error:?}"),
            }
            let once = key().map(|key| Once::new(key, "release"));
            let scope = scene.by(admin()).once(once);
            let wish = TakeBack {
                hostname: &name(ONE),
                whose: Whose::Anybodys,
                reason: ReleaseReason::Released,
                then: Then::Reuse,
            };
            match operations::take_back(&scope, &wish).await {
                Ok(_) | Err(TakeBackError::NotClaimed | TakeBackError::NoSuchVm) => {}
                Err(TakeBackError::Db(error)) => panic!("{error:?}"),
            }
            scene.sql("delete from begun where at < now()").await;
        })
    }),
    ("launch, taken back", |scene| {
        Box::pin(async {
            let id = scene.launch(2).await;
            operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap();
        })
    }),
    ("an operation's turn", |scene| {
        Box::pin(async {
            let taken = operations::take(&scene.scope(), "worker", &kinds()).await.unwrap();
            let Some(taken) = taken else { return };
            let begun = begin(&taken).await;
            if matches!(begun, Err(operations::LeaseError::Lost)) {
                return;
            }
            begun.unwrap();
            let steps =
                [name(TWO), name(ONE)].map(|it| Step { stage: Stage::Done, ..Step::waiting(it) });
            let makes = Makes::Machines;
            let report = Report { steps: &steps, makes, ..Report::default() };
            match taken.lease.advance(&report).await {
                Ok(()) | Err(operations::LeaseError::Lost) => {}
                Err(operations::LeaseError::Db(error)) => panic!("{error:?}"),
            }
            match taken.lease.finish(&Outcome::succeeded()).await {
                Ok(()) | Err(operations::LeaseError::Lost) => {}
                Err(operations::LeaseError::Db(error)) => panic!("{error:?}"),
            }
        })
    }),
    ("a destroy that is approved, and a launch that is rejected", |scene| {
        Box::pin(async {
            let (teacher, kinds) = (scene.by(admin()), kinds());
            let hostnames = vec![name(TWO), name(ONE)];
            let destroy = Ask::of(&operations::Destroy { hostnames }).once_approved();
            let id = operations::ask(&teacher, &destroy).await.unwrap();
            assert!(operations::approve(&teacher, &kinds, id).await.unwrap());
            operations::cancel(&teacher, &kinds, id).await.unwrap();
            let hostnames = vec![name("lablink-vm-test-9")];
            let launch = Ask::of(&operations::Launch { hostnames }).once_approved();
            let id = operations::ask(&teacher, &launch).await.unwrap();
            assert!(operations::reject(&teacher, &kinds, id).await.unwrap());
        })
    }),
    ("a reboot, taken back", |scene| {
        Box::pin(async {
            let (teacher, kinds) = (scene.by(admin()), kinds());
            match operations::reboot(&teacher, &kinds, &name(ONE)).await {
                Ok(id) => {
                    operations::cancel(&teacher, &kinds, id).await.unwrap();
                }
                Err(RebootError::NoSuchVm | RebootError::NotPossible(..)) => {}
                Err(RebootError::Db(error)) => panic!("{error:?}"),
            }
        })
    }),
    ("an operation that is put off", |scene| {
        Box::pin(async {
            let taken = operations::take(&scene.scope(), "worker", &kinds()).await.unwrap();
            let Some(taken) = taken else { return };
            let reason = "The road is closed.".to_owned();
            let again = Again { reason, pause: Duration::ZERO, counts: Counts::AsPart };
            match taken.lease.try_again(&again).await {
                Ok(()) | Err(operations::LeaseError::Lost) => {}
                Err(operations::LeaseError::Db(error)) => panic!("{error:?}"),
            }
        })
    }),
    ("machines that a cloud has no room for", |scene| {
        Box::pin(async {
            let scope = scene.scope();
            let id = scene.count("select max(id) from operation").await.into();
            let rows = vms::present(&scope, &[name(TWO), name(ONE)]).await.unwrap();
            let refused = rows.into_values().rev().map(|vm_id| Refused {
                vm_id,
                place: None,
                shortage: Shortage::Quota,
                reason: "No room.".to_owned(),
                next: None,
            });
            placement::put_off(&scope, id, 1, &refused.collect::<Vec<_>>()).await.unwrap();
        })
    }),
    ("an operation that nobody ends", |scene| {
        Box::pin(async {
            let late = "update operation set deadline = now() - interval '1 hour'
                        where id in (select id from operation where state = 'running'
                                     order by id limit 1 for no key update)";
            scene.db.client().await.unwrap().execute(late, &[]).await.unwrap();
            operations::end_overdue(&scene.scope()).await.unwrap();
        })
    }),
    ("machines that are begun, made and found in the state", |scene| {
        Box::pin(async {
            let scope = scene.scope();
            let id = scene.count("select max(id) from operation").await.into();
            let (making, removing) = ([name(TWO)], [name(ONE)]);
            state::take_in_hand(&scope, id, &making, &removing).await.unwrap();
            state::made_by(&scope, id).await.unwrap();
            state::take_true(&scope, None, &[name(TWO), name(ONE)]).await.unwrap();
        })
    }),
    ("what a run has left", |scene| {
        Box::pin(async {
            let names = [name(TWO), name(ONE)];
            let rows = vms::present(&scene.scope(), &names).await.unwrap();
            // Against the order of their ids, as a caller may have them.
            let unmet: Vec<_> =
                rows.values().rev().map(|id| (*id, "No room.".to_owned())).collect();
            vms::note_undone(&scene.scope(), &unmet).await.unwrap();
            vms::fail(&scene.scope(), &unmet).await.unwrap();
            vms::make_anew(&scene.scope(), &names).await.unwrap();
        })
    }),
    ("removal", |scene| {
        Box::pin(async {
            let names = [name(TWO), name(ONE)];
            let rows = vms::present(&scene.scope(), &names).await.unwrap();
            let ids: Vec<_> = rows.into_values().rev().collect();
            vms::remove(&scene.by(admin()), &ids).await.unwrap();
        })
    }),
    ("a place in line, given up", |scene| {
        Box::pin(async {
            let who = format!("q{}@example.org", rand_number());
            let joined = scene.join(&who, Presented::default()).await;
            if let line::Joined::Place(token) = joined.unwrap() {
                line::leave(&scene.scope(), &token).await.unwrap();
            }
        })
    }),
    ("a new command and a new link", |scene| {
        Box::pin(async {
            for (claim_id, _) in open_claims(scene).await {
                let link = claims::issue_link(&scene.by(admin()), claim_id).await;
                let Some(link) = link.unwrap() else { continue };
                let code = CrdCode::from_command("--code=4/new").unwrap();
                claims::give_command(&scene.by(Actor::Anyone), &link.link, Some(&code))
                    .await
                    .unwrap();
            }
        })
    }),
    ("a desktop in a tab, announced and taken back", |scene| {
        Box::pin(async {
            for desktop in [BrowserDesktop::Possible, BrowserDesktop::Impossible("no".to_owned())] {
                for vm in [ONE, TWO] {
                    let vitals = Vitals { desktop: Some(desktop.clone()), ..Vitals::default() };
                    let told = vms::heartbeat(&scene.scope(), &name(vm), &vitals).await;
                    told.or_else(gone).unwrap();
                }
            }
        })
    }),
    ("a channel, told of and taken", |scene| {
        Box::pin(async {
            let Ok(Some(vm)) = vms::find(&scene.scope(), &name(ONE)).await else { return };
            let (id, secret) = (Token::random(), Token::random());
            let new = channels::NewChannel {
                id: &id,
                vm_id: vm.id,
                target: ChannelTarget::Desktop,
                holder: "127.0.0.1:1",
                secret: &secret,
                // Others drop it at once.
                patience: Duration::ZERO,
            };
            channels::ask(&scene.db, &new).await.unwrap();
            channels::tell(&scene.db, &name(ONE)).await.unwrap();
            channels::take(&scene.db, &name(ONE), &id).await.unwrap();
        })
    }),
    ("a lock-out", |scene| {
        Box::pin(async {
            for (claim_id, hostname) in open_claims(scene).await {
                let (vm, scope) = (name(&hostname), scene.by(admin()));
                let token = Some(TokenKeeping::Safe);
                let vitals = Vitals { locks_out: Some(true), token, ..Vitals::default() };
                vms::heartbeat(&scope, &vm, &vitals).await.or_else(gone).unwrap();
                match claims::lock_out(&scope, claim_id).await {
                    Ok(_) | Err(LockOutError::NoSuchClaim | LockOutError::AgentCannot) => {}
                    Err(LockOutError::Db(error)) => panic!("{error:?}"),
                }
                let agent = Actor::Agent(vm.clone());
                let outcome = ClaimOutcome::LockedOut;
                let (command_no, detail, fault) = (None, None, None);
                let (hostname, claim_id) = (vm, claim_id.into());
                let ended = ClaimResult { hostname, claim_id, command_no, outcome, detail, fault };
                match claims::report(&scene.by(agent), &ended).await {
                    Ok(()) | Err(NoSuchClaim::Superseded) => {}
                    Err(NoSuchClaim::Db(error)) => panic!("{error:?}"),
                }
            }
        })
    }),
    ("a fresh machine", |scene| {
        Box::pin(async {
            for (claim_id, _) in open_claims(scene).await {
                let given = operations::give_fresh_machine(&scene.by(admin()), claim_id).await;
                match given {
                    Ok(_)
                    | Err(
                        operations::TakeBackError::NoSuchVm | operations::TakeBackError::NotClaimed,
                    ) => {}
                    Err(operations::TakeBackError::Db(error)) => panic!("{error:?}"),
                }
            }
        })
    }),
    ("from one address: a claim, a place, and the line cleared", |scene| {
        Box::pin(async {
            let limits = PerAddress { places: PlacesPerAddress::AtMost(3), claims: Some(3) };
            let scene = scene.ruled(|rules| rules.claiming.per_address = limits);
            let home = Neighbours::of([198, 51, 100, 7].into());
            let nr = rand_number();
            let _refused = scene.claim_from(&format!("h{nr}@example.org"), &home).await;
            let joined =
                scene.join_from(&format!("g{nr}@example.org"), Presented::default(), &home).await;
            if let Err(line::JoinError::Db(error)) = joined {
                panic!("{error:?}");
            }
            line::remove(&scene.by(admin()), Removal::All).await.unwrap();
        })
    }),
    ("a browser that gave the access code", |scene| {
        Box::pin(async {
            let code = "open sesame".parse().unwrap();
            for browser in [Token::random(), Token::presented("the same for all")] {
                admissions::record(&scene.db, &browser, Known::AccessCode(&code)).await.unwrap();
            }
            let aged = "update admission set last_at = now() - interval '31 days'
                        where proof_sha256 in (select proof_sha256 from admission
                                               order by proof_sha256 limit 3 for update)";
            scene.db.client().await.unwrap().execute(aged, &[]).await.unwrap();
        })
    }),
    ("a machine that is registered, and forgotten", |scene| {
        Box::pin(async {
            let scope = scene.by(admin());
            let machine = vms::register(&scope, None, None).await.unwrap();
            vms::forget(&scope, &machine.hostname).await.unwrap();
        })
    }),
    ("a collection, taken back", |scene| {
        Box::pin(async {
            let (all, slp) = (Selection::All, "slp".parse().unwrap());
            if let Ok(id) = collections::collect(&scene.by(admin()), &all, slp).await {
                operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap();
            }
        })
    }),
    ("an archive, downloaded", |scene| {
        Box::pin(async {
            let (all, slp) = (Selection::All, "slp".parse().unwrap());
            let scope = scene.by(admin());
            let Ok(id) = collections::collect(&scope, &all, slp).await else { return };
            let kept =
                Kept { file_name: "x.zip".to_owned(), size: 2, kept_by: "alloc-1".to_owned() };
            collections::record(&scope, id, &[], Some(&kept)).await.unwrap();
            for bytes in [0..1, 1..2] {
                collections::taken(&scope, id, bytes).await.unwrap();
            }
            operations::cancel(&scope, &kinds(), id).await.unwrap();
        })
    }),
    ("silence, pointed out", |scene| {
        Box::pin(async {
            let limits =
                vms::Limits { suspect_after: Duration::ZERO, overdue_after: Duration::ZERO };
            vms::point_out(&scene.scope(), limits).await.unwrap();
        })
    }),
    ("a new token, fetched and used", |scene| {
        Box::pin(async {
            let (scope, vm) = (scene.scope(), name(ONE));
            let Ok(Some(once)) = agents::issue_enrolment(&scope, &vm).await else { return };
            // Another has come first: refused.
            let Ok(token) = agents::enrol(&scope, &vm, &once).await else { return };
            agents::identify(&scope, token.hash()).await.unwrap();
            agents::attend(&scene.db, &vm).await.unwrap();
            scene
                .sql("update vm set token_due_at = now() where hostname = 'lablink-vm-test-1'")
                .await;
            match agents::renew(&scope, &vm, token.hash()).await {
                Ok(new) => {
                    agents::identify(&scope, new.hash()).await.unwrap();
                }
                Err(RenewError::Refused | RenewError::NotDue) => {}
                Err(RenewError::Db(error)) => panic!("{error:?}"),
            }
        })
    }),
    ("a dead token, and the bar lifted", |scene| {
        Box::pin(async {
            let scope = scene.by(admin());
            for vm in [TWO, ONE] {
                let here = vms::find(&scope, &name(vm)).await.unwrap();
                let Some(here) = here else { continue };
                let (wait, from) = (Misuse::Wait, [127, 0, 0, 1].into());
                agents::raise(&scope, here.id, wait, from).await.unwrap();
                match agents::lift_bar(&scope, &name(vm)).await {
                    Ok(()) | Err(LiftError::NotBarred) => {}
                    Err(LiftError::Db(error)) => panic!("{error:?}"),
                }
            }
        })
    }),
    ("enrolment", |scene| {
        Box::pin(async {
            let names = [name(TWO), name(ONE)];
            agents::issue_enrolments(&scene.scope(), &names).await.unwrap();
        })
    }),
];

fn rand_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn gone(error: vms::ReportError) -> Result<(), vms::ReportError> {
    match error {
        vms::ReportError::NoSuchVm => Ok(()),
        other => Err(other),
    }
}

async fn report(scene: &Scene, hostname: &str, status: VmStatus) {
    let agent = scene.by(Actor::Agent(name(hostname)));
    vms::set_status(&agent, &name(hostname), status).await.or_else(gone).unwrap();
}

async fn open_claims(scene: &Scene) -> Vec<(ClaimId, String)> {
    let sql = "select claim.id, vm.hostname from claim join vm on vm.id = claim.vm_id
               where claim.released_at is null order by claim.id desc";
    let rows = scene.db.client().await.unwrap().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn take_back(scene: &Scene, then: Then) {
    for hostname in [TWO, ONE] {
        let wish = TakeBack {
            hostname: &name(hostname),
            whose: Whose::Anybodys,
            reason: ReleaseReason::Released,
            then,
        };
        match operations::take_back(&scene.by(admin()), &wish).await {
            Ok(_)
            | Err(operations::TakeBackError::NoSuchVm | operations::TakeBackError::NotClaimed) => {}
            Err(operations::TakeBackError::Db(error)) => panic!("{error:?}"),
        }
    }
}

/// Two VMs, each somebody's, and nothing under way.
async fn afresh(scene: &Scene) {
    scene
        .sql(
            "update operation set state = 'cancelled', finished_at = now(), lease_owner = null,
                 lease_expires_at = null where state in ('queued', 'running');
             update claim set released_at = now(), release_reason = 'released', crd_code = null,
                 pin = null where released_at is null;
             update place set ended_at = now(), end_reason = 'left' where ended_at is null;
             update vm set removed_at = now(), claim_id = null, place_id = null
             where removed_at is null",
        )
        .await;
    let id = scene.launch(3).await;
    operations::take(&scene.scope(), "worker", &kinds()).await.unwrap().unwrap();
    scene
        .sql(&format!(
            "update operation set state = 'succeeded', finished_at = now(),
        lease_owner = null, lease_expires_at = null where id = {id}"
        ))
        .await;
    scene.sql("update vm set status = 'running' where removed_at is null").await;
    for _ in 0..2 {
        scene.claim(&format!("p{}@example.org", rand_number()), "4/x").await.unwrap();
    }
}

const DEADLOCKS: &str = "select deadlocks from pg_stat_database where datname = current_database()";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_pair_of_writes_ends_in_a_deadlock() {
    let scene = Scene::new().await;
    for (at, (first, one)) in WRITES.iter().enumerate() {
        for (second, other) in &WRITES[at..] {
            afresh(&scene).await;
            for _ in 0..ROUNDS {
                tokio::join!(one(&scene), other(&scene), one(&scene), other(&scene));
            }
            assert_eq!(scene.count(DEADLOCKS).await, 0, "{first} beside {second}, or before");
        }
    }
    // Sessions tell what they counted once a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.count(DEADLOCKS).await, 0);
}
