//! A call of every route, by those who call it. What it is about lies in database.sql.

use std::collections::HashMap;

use axum::{
    body::Body,
    http::{Method, Request},
};
use lablink_core::scope::Key;
use serde_json::json;

use crate::{
    app::{LOG_TOKEN, With, get, json as post_json},
    once::{By, call},
};

/// What VM n is, by n % 20.
#[derive(Clone, Copy)]
pub enum Kind {
    Free = 0,
    Connected = 8,
    OnAws = 5,
    Waiting = 10,
    Starting = 14,
    Used = 15,
    Failed = 16,
    TokenDue = 18,
}

/// When a route is called.
#[derive(Clone, Copy, PartialEq)]
pub enum When {
    /// Most VMs are free, and nobody waits.
    Free,
    /// None is, and some hundred people wait.
    Full,
}

pub struct Call {
    pub by: &'static str,
    pub request: Request<Body>,
}

/// Hands out VMs, places and operations, each once.
pub struct Scenes {
    next: u32,
    /// How often each path was called.
    times: HashMap<String, u32>,
}

impl Scenes {
    /// The first thousand VMs are for those who claim one.
    pub fn new() -> Self {
        Self { next: 60, times: HashMap::new() }
    }

    fn next(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn nth(&mut self, path: &str) -> u32 {
        let times = self.times.entry(path.to_owned()).or_default();
        *times += 1;
        *times
    }

    fn vm(&mut self, kind: Kind) -> u32 {
        self.next() * 20 + kind as u32
    }

    /// A registered machine that is used and could not be cleaned.
    fn desk(&mut self) -> u32 {
        self.nth("a desk") * 4
    }

    /// When the route is called, and how.
    pub fn calls(&mut self, method: &Method, path: &str) -> (When, Vec<Call>) {
        let when = match path {
            "/line"
            | "/line/{link}"
            | "/line/{link}/claim"
            | "/line/{link}/leave"
            | "/line/{link}/events"
            | "/admin/line/clear"
            | "/api/places"
            | "/api/places/clear"
            | "/api/places/{id}/remove" => When::Full,
            _ => When::Free,
        };
        let calls = match *method {
            Method::GET => self.reads(path),
            _ => self.changes(method, path),
        };
        (when, calls)
    }

    fn reads(&mut self, path: &str) -> Vec<Call> {
        let connected = self.vm(Kind::Connected);
        let host = host(connected);
        let paths: Vec<String> = match path {
            "/claims/{link}" | "/claims/{link}/return" | "/claims/{link}/events" => {
                vec![path.replace("{link}", &format!("claim-{connected}"))]
            }
            "/claims/{link}/desktop" => {
                vec![path.replace("{link}", &format!("claim-{}", self.vm(Kind::Connected)))]
            }
            "/admin/doctor/{code}" => vec!["/admin/doctor/clock".to_owned()],
            // It serves files alone, of which there are none here.
            "/assets/fetched/{version}/{*path}" => Vec::new(),
            // They take WebSockets alone: what they ask is judged by itself, in large.rs.
            "/claims/{link}/channel/{target}"
            | "/api/channels/{channel_id}"
            | "/api/agent/channels/{channel_id}" => Vec::new(),
            "/line/{link}" | "/line/{link}/events" => {
                vec![path.replace("{link}", "place-70")]
            }
            "/assets/{name}" => vec!["/assets/app.css".to_owned()],
            "/admin/instances" => [
                "",
                "?show=claimed",
                "?q=lablink-vm-test-19",
                "?q=p1",
                "?show=state",
                "?show=last_seen",
                "?show=name",
                "?show=newest",
                "?show=participant",
                "?after=0.9000",
                "?until=0.9000",
            ]
            .iter()
            .map(|query| format!("{path}{query}"))
            .collect(),
            "/api/vms" => ["", "?after=0.9000", "?show=claimed", "?q=p1"]
                .iter()
                .map(|query| format!("{path}{query}"))
                .collect(),
            "/api/claims" => {
                ["", "?before=9000", "?open=true"].iter().map(|it| format!("{path}{it}")).collect()
            }
            "/admin/participants" => vec![path.to_owned(), format!("{path}?before=9000")],
            "/api/places" => vec![path.to_owned(), format!("{path}?after=1.34000")],
            "/admin/vms/{hostname}/{deed}" => ["release", "replace", "reboot", "delete", "forget"]
                .iter()
                .map(|deed| format!("/admin/vms/{host}/{deed}"))
                .collect(),
            "/admin/claims/{id}" => vec![format!("/admin/claims/{connected}")],
            "/admin/logs/{hostname}" => {
                let long = path.replace("{hostname}", "lablink-vm-test-1");
                vec![long.clone(), format!("{long}?search=program")]
            }
            "/api/events" => vec![path.to_owned(), format!("{path}?before=50000")],
            "/api/operations" | "/admin/operations" => {
                let kinds = ["", "?before=1000", "?kind=collect", "?state=failed"];
                kinds.iter().map(|query| format!("{path}{query}")).collect()
            }
            "/api/collections/{operation_id}/download" => {
                vec!["/api/collections/2996/download".to_owned()]
            }
            "/admin/operations/{id}"
            | "/api/operations/{id}"
            | "/admin/operations/{id}/log"
            | "/api/operations/{id}/events" => {
                vec![path.replace("{id}", "2999"), path.replace("{id}", "3000")]
            }
            "/admin/operations/{id}/bring-back" | "/admin/operations/{id}/give-up" => {
                vec![path.replace("{id}", "2994")]
            }
            "/admin/logs/{hostname}/lines" => {
                vec!["/admin/logs/lablink-vm-test-1/lines?after=10".to_owned()]
            }
            _ => vec![path.replace("{hostname}", &host)],
        };
        let mut calls = Vec::new();
        for path in paths {
            let request = || get(&path).by_admin().with("host", "lab");
            calls.push(Call { by: "a program", request: request() });
            calls.push(Call { by: "a browser", request: request().by_browser() });
        }
        if path.starts_with("/api/vm-status/{") || path.starts_with("/api/vm-logs/{") {
            let path = path.replace("{hostname}", &host);
            calls.push(Call { by: "an agent", request: agents(get(&path), connected) });
        }
        calls
    }

    fn changes(&mut self, method: &Method, path: &str) -> Vec<Call> {
        if let Some(call) = self.of_agent(path) {
            return call;
        }
        let listens = match path {
            "/changes" => Some(json!({"pages": ["/claims/claim-48", "/line/over-1"]})),
            "/admin/changes" => Some(json!({"pages":
                ["/admin", "/admin/operations/2999", "/admin/logs/lablink-vm-test-1"]})),
            _ => None,
        };
        if let Some(pages) = listens {
            let request = post_json(path, &pages).by_admin();
            return vec![Call { by: "a browser", request }];
        }
        [(By::Browser, "a browser"), (By::Program, "a program")]
            .into_iter()
            .filter(|(by, _)| *by == By::Program || *method != Method::DELETE)
            .flat_map(|(by, name)| {
                let wishes = self.wishes(path);
                wishes.into_iter().map(move |(path, body)| {
                    let request = call(method, &path, &body, Key::random().reveal(), by);
                    Call { by: name, request }
                })
            })
            .collect()
    }

    fn of_agent(&mut self, path: &str) -> Option<Vec<Call>> {
        let (n, mut body) = match path {
            "/api/agent/enrol" => {
                let n = self.vm(Kind::Starting);
                (n, json!({"enrolment_token": format!("enrol-{n}")}))
            }
            "/api/agent/token" => (self.vm(Kind::TokenDue), json!({})),
            "/vm_startup" => (self.vm(Kind::Waiting), json!({})),
            "/api/agent/heartbeat" => (self.vm(Kind::Free), json!({"keeps": 1})),
            "/api/agent/claim-result" => {
                let n = self.vm(Kind::Waiting);
                (n, json!({"claim_id": n, "outcome": "failed", "fault": "machine"}))
            }
            "/api/agent/clean-result" => {
                let desk = self.desk();
                (20_000 + desk, json!({"claim_id": 200_000 + desk, "outcome": "cleaned"}))
            }
            "/api/update_inuse_status" => (self.vm(Kind::Waiting), json!({"status": true})),
            "/api/gpu_health" => (self.vm(Kind::Free), json!({"gpu_status": "Unhealthy"})),
            "/api/vm-status" => (self.vm(Kind::Failed), json!({"status": "running"})),
            "/api/vm-metrics/{hostname}" => {
                (self.vm(Kind::Free), json!({"cloud_init_duration_seconds": 3}))
            }
            "/api/vm-logs" => {
                let n = self.vm(Kind::Free);
                let stream = host(n);
                (n, json!({"log_group": "agent", "log_stream": stream, "messages": ["a line"]}))
            }
            _ => return None,
        };
        let host = if n > 20_000 { format!("desk-{}", n - 20_000) } else { host(n) };
        body["hostname"] = json!(host);
        let path = path.replace("{hostname}", &host);
        let request = post_json(&path, &body).with("prefer", "wait=0");
        let mut calls = vec![Call { by: "an agent", request: agents(request, n) }];
        if path == "/api/vm-logs" {
            body["log_stream"] = json!(self::host(self.vm(Kind::OnAws)));
            let token = format!("Bearer {LOG_TOKEN}");
            let request = post_json(&path, &body).with("authorization", &token);
            calls.push(Call { by: "the forwarder", request });
        }
        if path == "/vm_startup" {
            let n = self.vm(Kind::Free);
            let body = json!({"hostname": self::host(n)});
            let request = agents(post_json(&path, &body).with("prefer", "wait=0"), n);
            calls.push(Call { by: "an agent without a claim", request });
        }
        Some(calls)
    }

    /// Paths and forms.
    fn wishes(&mut self, path: &str) -> Vec<(String, String)> {
        const COMMAND: &str = "crd_command=start-host+--code%3D4%2Fx";
        let nth = self.nth(path);
        let of = |n: u32| path.replace("{hostname}", &host(n));
        let of_desk = |n: u32| path.replace("{hostname}", &format!("desk-{n}"));
        let of_id = |n: u32| path.replace("{id}", &n.to_string());
        let of_claim = |n: u32| path.replace("{link}", &format!("claim-{n}"));
        let of_place = |n: u32| path.replace("{link}", &format!("place-{n}"));
        let newcomer = self.next();
        let newcomer = format!("email=new{newcomer}%40example.org");
        let one = |path: String, body: &str| vec![(path, body.to_owned())];
        match path {
            "/api/request_vm" => one(path.to_owned(), &format!("{newcomer}&{COMMAND}")),
            "/claims/{link}/command" => one(of_claim(self.vm(Kind::Connected)), COMMAND),
            "/claims/{link}/return" => one(of_claim(self.vm(Kind::Connected)), ""),
            "/line" => one(path.to_owned(), &newcomer),
            "/line/{link}/claim" => one(of_place(nth), COMMAND),
            "/line/{link}/leave" => one(of_place(100 + nth), ""),
            "/api/launch" => one(path.to_owned(), "num_vms=2"),
            "/admin/machines/{hostname}/install" | "/admin/machines/{hostname}/forget" => {
                one(of_desk(self.desk()), "")
            }
            "/admin/claims/{id}/link"
            | "/admin/claims/{id}/lock-out"
            | "/admin/claims/{id}/fresh-machine" => one(of_id(self.vm(Kind::Connected)), ""),
            "/api/places/clear" => {
                one(path.to_owned(), &format!("same_address_as={}", 30_200 + nth))
            }
            "/api/places/{id}/remove" => one(of_id(30_150 + nth), ""),
            "/destroy" => {
                let hostname = host(self.vm(Kind::Failed));
                let also =
                    format!("hostname={}&confirm=yes&collect=yes", host(self.vm(Kind::Free)));
                vec![
                    (path.to_owned(), format!("hostname={hostname}&confirm=yes")),
                    (path.to_owned(), also),
                ]
            }
            "/api/collections" => {
                one(path.to_owned(), &format!("hostname={}", host(self.vm(Kind::Used))))
            }
            "/api/collections/{operation_id}/discard" => {
                one(format!("/api/collections/{}/discard", 2_896 + nth * 5), "")
            }
            "/api/admin/set-aws-credentials" => {
                one(path.to_owned(), "aws_access_key_id=AKIAGOOD&aws_secret_access_key=right")
            }
            "/api/vms" => one(path.to_owned(), "hostname="),
            "/api/vms/{hostname}"
            | "/api/vms/{hostname}/reboot"
            | "/api/vms/{hostname}/forget-host-key" => one(of(self.vm(Kind::Free)), ""),
            "/api/vms/{hostname}/replace" => one(of(self.vm(Kind::Failed)), ""),
            "/api/vms/{hostname}/release" => vec![
                (of(self.vm(Kind::Connected)), "then=reuse".to_owned()),
                (of(self.vm(Kind::Connected)), "then=replace".to_owned()),
            ],
            "/api/vms/{hostname}/clean" => one(of_desk(self.desk()), ""),
            "/api/vms/{hostname}/allow" => one(of(nth * 200 + 15), ""),
            "/api/operations/{id}/approve" => one(of_id(3_000 + nth), ""),
            "/api/operations/{id}/reject" => one(of_id(3_100 + nth), ""),
            "/api/operations/{id}/cancel" => one(of_id(3_200 + nth), ""),
            "/api/operations/{id}/retry" => one(of_id(2_009 + nth * 10), ""),
            "/api/operations/{id}/bring-back" => one(of_id(2_004 + nth * 10), ""),
            "/api/operations/{id}/give-up" => {
                let failed = 2_504 + nth * 10;
                let lost = format!("hostname=lablink-vm-test-{}&confirm=yes", failed * 5);
                one(of_id(failed), &lost)
            }
            _ => one(path.to_owned(), ""),
        }
    }
}

fn host(n: u32) -> String {
    format!("lablink-vm-test-{n}")
}

fn agents(request: Request<Body>, n: u32) -> Request<Body> {
    request.with("authorization", &format!("Bearer agent-{n}"))
}
