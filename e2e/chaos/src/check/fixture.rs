//! Made-up histories for the rules' own tests. Times are milliseconds.

use super::Evidence;
use crate::{
    clock::At,
    facts::{Claim, Event, Facts, Line, Operation, Place, Vm},
    history::{
        Answered, Ask, Batch, Call, Exit, Fault, History, Hits, Pressure, Probe, Promise, Why,
        Wish, Worker,
    },
    world::{Folder, Machines, Start, VmCall},
};

/// Told step by step; events get their ids in the order of the steps.
#[derive(Clone, Default)]
pub struct Story(Vec<Step>);

type Step = std::rc::Rc<dyn Fn(&mut Evidence)>;

impl Story {
    pub fn evidence(&self) -> Evidence {
        let mut evidence = Evidence {
            history: History::default(),
            facts: Facts::default(),
            machines: Machines::default(),
            panics: Vec::new(),
            began: 0,
        };
        for step in &self.0 {
            step(&mut evidence);
        }
        evidence
    }

    fn then(mut self, step: impl Fn(&mut Evidence) + 'static) -> Self {
        self.0.push(std::rc::Rc::new(step));
        self
    }

    pub fn vm(self, id: i64, hostname: &'static str) -> Self {
        self.then(move |it| {
            it.facts.vms.push(Vm {
                id,
                hostname: hostname.to_owned(),
                source: "local".to_owned(),
                status: "running".to_owned(),
                created: 0,
                removed: None,
                free: false,
            });
        })
    }

    pub fn removed(self, vm: i64, at: At) -> Self {
        self.then(move |it| row(&mut it.facts.vms, |row| row.id == vm).removed = Some(at))
    }

    pub fn barred(self, vm: i64, at: At) -> Self {
        self.then(move |it| event(it, "vm.barred", at).vm_id = Some(vm))
    }

    pub fn free(self, vm: i64) -> Self {
        self.then(move |it| row(&mut it.facts.vms, |row| row.id == vm).free = true)
    }

    pub fn claim(self, id: i64, vm_id: i64, email: &'static str, created: At) -> Self {
        self.then(move |it| {
            event(it, "claim.created", created).claim_id = Some(id);
            it.facts.claims.push(Claim {
                id,
                vm_id,
                email: email.to_owned(),
                state: "connected".to_owned(),
                pin: None,
                created,
                released: None,
                reason: None,
            });
        })
    }

    pub fn pin(self, claim: i64, pin: &'static str) -> Self {
        self.then(move |it| {
            row(&mut it.facts.claims, |row| row.id == claim).pin = Some(pin.to_owned());
        })
    }

    pub fn claim_state(self, claim: i64, state: &'static str) -> Self {
        self.then(move |it| {
            row(&mut it.facts.claims, |row| row.id == claim).state = state.to_owned();
        })
    }

    pub fn released(self, claim: i64, at: At, reason: &'static str) -> Self {
        self.then(move |it| {
            event(it, "claim.released", at).claim_id = Some(claim);
            let claim = row(&mut it.facts.claims, |row| row.id == claim);
            claim.released = Some(at);
            claim.reason = Some(reason.to_owned());
            claim.pin = None;
        })
    }

    pub fn operation(
        self,
        id: i64,
        kind: &'static str,
        hostnames: &'static [&'static str],
        created: At,
    ) -> Self {
        self.then(move |it| {
            event(it, "operation.queued", created).operation_id = Some(id);
            it.facts.operations.push(Operation {
                id,
                kind: kind.to_owned(),
                state: "running".to_owned(),
                hostnames: hostnames.iter().map(|name| (*name).to_owned()).collect(),
                vm_ids: Vec::new(),
                created,
                cancel_requested: None,
                finished: None,
                reason: None,
            });
        })
    }

    pub fn targets(self, operation: i64, vms: &'static [i64]) -> Self {
        self.then(move |it| {
            row(&mut it.facts.operations, |row| row.id == operation).vm_ids = vms.to_vec();
        })
    }

    pub fn cancelled(self, operation: i64, at: At) -> Self {
        self.then(move |it| {
            row(&mut it.facts.operations, |row| row.id == operation).cancel_requested = Some(at);
        })
    }

    pub fn finished(self, operation: i64, at: At, state: &'static str) -> Self {
        self.then(move |it| {
            event(it, "operation.finished", at).operation_id = Some(operation);
            let operation = row(&mut it.facts.operations, |row| row.id == operation);
            operation.finished = Some(at);
            operation.state = state.to_owned();
        })
    }

    pub fn place(self, id: i64, email: &'static str, created: At) -> Self {
        self.then(move |it| {
            it.facts.places.push(Place {
                id,
                email: email.to_owned(),
                created,
                looked: created + 100_000,
                offered: None,
                ended: None,
                passed: None,
            });
        })
    }

    pub fn place_ended(self, place: i64, at: At) -> Self {
        self.then(move |it| row(&mut it.facts.places, |row| row.id == place).ended = Some(at))
    }

    pub fn offer(self, place: i64, at: At) -> Self {
        self.then(move |it| event(it, "place.offered", at).place = Some(place))
    }

    pub fn line(self, vm_id: i64, id: &'static str) -> Self {
        self.then(move |it| it.facts.lines.push(Line { vm_id, event_id: id.to_owned() }))
    }

    pub fn batch(
        self,
        hostname: &'static str,
        ids: &'static [&'static str],
        acknowledged: bool,
    ) -> Self {
        self.then(move |it| {
            it.history.batches.push(Batch {
                at: 0,
                hostname: hostname.to_owned(),
                ids: ids.iter().map(|id| (*id).to_owned()).collect(),
                acknowledged,
            });
        })
    }

    pub fn promise(
        self,
        email: &'static str,
        hostname: &'static str,
        pin: &'static str,
        at: At,
    ) -> Self {
        self.then(move |it| {
            let (email, hostname, pin) = (email.to_owned(), hostname.to_owned(), pin.to_owned());
            it.history.promises.push(Promise { at, email, hostname, pin });
        })
    }

    pub fn ask(self, wish: Wish, at: At) -> Self {
        self.then(move |it| it.history.asks.push(Ask { at, wish: wish.clone() }))
    }

    pub fn call(self, what: &'static str, status: u16, retry_after: bool) -> Self {
        self.then(move |it| {
            let answer = Answered::Status { status, retry_after, body: String::new() };
            let (who, what) = ("program".to_owned(), what.to_owned());
            it.history.calls.push(Call { at: 0, took: 1, who, what, answer });
        })
    }

    pub fn probe(self, allocator: usize, at: At, status: Option<u16>) -> Self {
        self.then(move |it| {
            it.history.probes.push(Probe { at, took: 10, allocator, path: "/readyz", status });
        })
    }

    pub fn fault(self, hits: Hits, began: At, ended: At) -> Self {
        self.then(move |it| {
            let (kind, hits) = ("made-up".to_owned(), hits.clone());
            it.history.faults.push(Fault { kind, hits, began, ended, note: String::new() });
        })
    }

    pub fn exit(self, allocator: usize, pid: u32, why: Why, at: At, code: Option<i32>) -> Self {
        self.then(move |it| {
            it.history.exits.push(Exit { at, allocator, pid, why, took: 10, code });
        })
    }

    pub fn worker(self, operation: i64, pid: u32, at: At) -> Self {
        self.then(move |it| {
            let owner = format!("process {pid}");
            it.history.workers.push(Worker { at, operation, owner });
        })
    }

    pub fn pressure(self, at: At, waited: At) -> Self {
        self.then(move |it| it.history.pressure.push(Pressure { at, waited }))
    }

    pub fn starts(
        self,
        hostname: &'static str,
        code: &'static str,
        pin: &'static str,
        marks: &'static [&'static str],
        at: At,
    ) -> Self {
        self.then(move |it| {
            it.machines.starts.push(Start {
                at,
                hostname: hostname.to_owned(),
                code: code.to_owned(),
                pin: pin.to_owned(),
                marks: marks.iter().map(|mark| (*mark).to_owned()).collect(),
            });
        })
    }

    pub fn folder(self, hostname: &'static str, marks: &'static [&'static str]) -> Self {
        self.then(move |it| {
            let marks = marks.iter().map(|mark| (*mark).to_owned()).collect();
            it.machines.folders.push(Folder { hostname: hostname.to_owned(), marks });
        })
    }

    /// A machine that had not been there is made.
    pub fn makes(self, hostname: &'static str, at: At) -> Self {
        self.script("start", hostname, at, false)
    }

    /// One that works is made anew.
    pub fn wipes(self, hostname: &'static str, at: At) -> Self {
        self.script("start", hostname, at, true)
    }

    pub fn removes(self, hostname: &'static str, at: At) -> Self {
        self.script("remove", hostname, at, true)
    }

    fn script(self, verb: &'static str, hostname: &'static str, at: At, existed: bool) -> Self {
        self.then(move |it| {
            it.machines.calls.push(VmCall {
                at,
                verb: verb.to_owned(),
                hostname: hostname.to_owned(),
                existed,
                given: verb == "start",
                enrolled: existed,
                token: verb == "start",
                marks: Vec::new(),
            });
        })
    }
}

fn row<T>(rows: &mut [T], is_it: impl Fn(&T) -> bool) -> &mut T {
    rows.iter_mut().find(|row| is_it(row)).unwrap()
}

fn event<'a>(evidence: &'a mut Evidence, kind: &str, at: At) -> &'a mut Event {
    let events = &mut evidence.facts.events;
    let id = i64::try_from(events.len()).unwrap() + 1;
    events.push(Event {
        id,
        at,
        kind: kind.to_owned(),
        vm_id: None,
        claim_id: None,
        operation_id: None,
        place: None,
    });
    events.last_mut().unwrap()
}
