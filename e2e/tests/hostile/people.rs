use std::time::Duration;

use anyhow::Result;
use reqwest::{Url, header};

use crate::stage::Stage;

/// Somebody's browser, at this address.
#[derive(Clone)]
pub struct Caller {
    address: String,
    /// The class's access code, if they know it. A form that does not ask for one ignores it.
    code: &'static str,
}

/// What the form has led to.
pub struct Joined {
    /// Path of the place's page.
    pub place: Option<String>,
}

impl Caller {
    pub fn new(address: String, code: &'static str) -> Self {
        Self { address, code }
    }

    pub async fn get(&self, stage: &Stage, path: &str) -> Result<String> {
        let request = stage.http.get(format!("{}{path}", stage.base));
        Ok(self.sign(request).send().await?.text().await?)
    }

    pub async fn post(
        &self,
        stage: &Stage,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<reqwest::Response> {
        let encoded = Url::parse_with_params(&stage.base, fields)?;
        let request = stage.http.post(format!("{}{path}", stage.base));
        let request = self
            .sign(request)
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        Ok(request.body(encoded.query().unwrap_or_default().to_owned()).send().await?)
    }

    fn sign(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request.header("x-forwarded-for", &self.address).header(header::ACCEPT, "text/html")
    }

    pub async fn join(&self, stage: &Stage, email: &str) -> Result<Joined> {
        let fields = [("email", email), ("access_code", self.code)];
        let answer = self.post(stage, "/line", &fields).await?;
        Ok(Joined { place: led_to(&answer, "/line/") })
    }

    /// True: a machine is theirs.
    pub async fn claim(&self, stage: &Stage, path: &str, email: &str) -> Result<bool> {
        let command = ("crd_command", "start-host --code=4/0AbC");
        let fields = [("email", email), ("access_code", self.code), command];
        let answer = self.post(stage, path, &fields).await?;
        Ok(led_to(&answer, "/claims/").is_some())
    }
}

fn led_to(answer: &reqwest::Response, page: &str) -> Option<String> {
    let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    location.starts_with(page).then(|| location.to_owned())
}

/// One person with the whole of an IPv6 /64, and as many e-mails as they make up.
#[derive(Default)]
pub struct Stranger {
    /// With the time at which each was looked at last.
    places: Vec<(Caller, String, Duration)>,
    pub machines: usize,
    pub refused: usize,
}

/// What the stranger does with places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Nothing.
    Dead,
    /// Looks often enough that none lapses, and more often at those whose turn comes.
    Alive,
}

const AT_ONCE: usize = 16;

impl Stranger {
    fn caller(nr: u32) -> Caller {
        Caller::new(format!("2001:db8:bad:1::{nr:x}"), "a guess")
    }

    pub async fn join(&mut self, stage: &Stage, times: u32) -> Result<()> {
        let tries: Vec<u32> = (0..times).collect();
        for batch in tries.chunks(AT_ONCE) {
            let batch = batch.iter().map(|nr| async move {
                let nr = *nr;
                let caller = Self::caller(nr);
                let joined = caller.join(stage, &format!("s{nr}@evil.example")).await?;
                anyhow::Ok((caller, joined))
            });
            for joined in futures_util::future::try_join_all(batch).await? {
                match joined {
                    (caller, Joined { place: Some(place) }) => {
                        self.places.push((caller, place, stage.passed));
                    }
                    _ => self.refused += 1,
                }
            }
        }
        Ok(())
    }

    pub async fn claim(&mut self, stage: &Stage, times: u32) -> Result<()> {
        for nr in 0..times {
            let email = format!("s{nr}@evil.example");
            match Self::caller(nr).claim(stage, "/api/request_vm", &email).await? {
                true => self.machines += 1,
                false => self.refused += 1,
            }
        }
        Ok(())
    }

    /// Looks at the places that need it. `machines` of them may have one kept at a time.
    pub async fn look(&mut self, stage: &Stage, keeps: Keeps, machines: usize) -> Result<()> {
        if keeps == Keeps::Dead {
            return Ok(());
        }
        let mut over = Vec::new();
        for (nr, (caller, place, looked)) in self.places.iter_mut().enumerate() {
            let rest = if nr < 2 * machines { 30 } else { 150 };
            if stage.passed < *looked + Duration::from_secs(rest) {
                continue;
            }
            let page = caller.get(stage, place).await?;
            *looked = stage.passed;
            if page.contains("has ended") || page.contains("was removed") {
                over.push(nr);
            }
        }
        for nr in over.into_iter().rev() {
            self.places.remove(nr);
        }
        Ok(())
    }

    pub fn places(&self) -> usize {
        self.places.len()
    }
}

/// Somebody of the class, at home.
pub struct Honest {
    caller: Caller,
    email: String,
    place: Option<String>,
    /// When they got a machine.
    pub served: Option<Duration>,
    /// Times that a form was refused, but for "none is free".
    pub refused: usize,
}

pub const CODE: &str = "seven";

impl Honest {
    pub fn class(count: u32) -> Vec<Self> {
        (0..count)
            .map(|nr| Self {
                caller: Caller::new(format!("198.51.{}.{}", 100 + nr / 250, nr % 250 + 1), CODE),
                email: format!("p{nr}@example.org"),
                place: None,
                served: None,
                refused: 0,
            })
            .collect()
    }

    /// Tries the form, then the line; then looks at the place, and takes what is kept there.
    pub async fn act(&mut self, stage: &Stage) -> Result<()> {
        if self.served.is_some() {
            return Ok(());
        }
        let got = match &self.place {
            None => {
                let got = self.caller.claim(stage, "/api/request_vm", &self.email).await?;
                if !got {
                    let joined = self.caller.join(stage, &self.email).await?;
                    self.refused += usize::from(joined.place.is_none());
                    self.place = joined.place;
                }
                got
            }
            Some(place) => {
                let page = self.caller.get(stage, place).await?;
                page.contains("A machine is ready")
                    && self.caller.claim(stage, &format!("{place}/claim"), &self.email).await?
            }
        };
        self.served = got.then_some(stage.passed);
        Ok(())
    }
}
