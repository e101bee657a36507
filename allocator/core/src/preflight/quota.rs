//! How many machines fit into a quota, and how to ask for a larger one.

use super::{Answer, Family, Finding, Market, Plan, Question, Quota, QuotaName, Verdict, Wanted};

/// What the quota means for a launch.
pub(super) struct Fit {
    pub finding: Finding,
    pub fits: Option<u32>,
    pub request: Option<String>,
}

/// `vcpus` are those of one machine.
pub(super) fn fit(plan: &Plan, wanted: &Wanted, vcpus: Option<u32>, answer: &Answer<Quota>) -> Fit {
    let family = Family::of(&plan.machine_type);
    let Some(name) = family.quota(plan.market) else {
        let text = format!("AWS does not sell {} as spot.", plan.machine_type);
        return Fit::without_room(Verdict::Stops, text);
    };
    let quota = match answer {
        Ok(quota) => quota,
        Err(why) => {
            let text = format!("It is not known how many machines the quota admits: {why}.");
            return Fit::without_room(Verdict::Unknown, text);
        }
    };
    let Some(vcpus) = vcpus.filter(|vcpus| *vcpus > 0) else {
        let text = format!(
            "The quota is {} vCPUs; it is not known how many a {} has.",
            quota.limit, plan.machine_type
        );
        return Fit::without_room(Verdict::Unknown, text);
    };
    let fits = quota.limit.saturating_sub(quota.taken()) / vcpus;
    let in_use = match (quota.used, quota.coming) {
        (0, 0) => String::new(),
        (used, 0) => format!(", {used} of them in use"),
        (0, coming) => format!(", {coming} of them for launches that have begun"),
        (used, coming) => {
            format!(", {used} of them in use and {coming} for launches that have begun")
        }
    };
    let asked = format!("{} × {} wanted", wanted.count, plan.machine_type);
    let has_room = fits >= wanted.count;
    let (verdict, request) = match has_room {
        true => (Verdict::Good, None),
        false => (Verdict::Stops, Some(request(plan, wanted, vcpus, *quota, &name))),
    };
    let fit = if fits == 1 { "1 fits".to_owned() } else { format!("{fits} fit") };
    let text = format!("{asked}, quota {} vCPU{in_use}: {fit}.", quota.limit);
    Fit { finding: Finding { question: Question::Quota, verdict, text }, fits: Some(fits), request }
}

impl Quota {
    fn taken(self) -> u32 {
        self.used.saturating_add(self.coming)
    }
}

impl Fit {
    fn without_room(verdict: Verdict, text: String) -> Self {
        let finding = Finding { question: Question::Quota, verdict, text };
        Self { finding, fits: None, request: None }
    }
}

/// What AWS's form asks for, and the same as a command.
fn request(
    plan: &Plan,
    wanted: &Wanted,
    vcpus: u32,
    quota: Quota,
    QuotaName { code, name }: &QuotaName,
) -> String {
    let Plan { region, machine_type, market, .. } = plan;
    let needed = quota.taken().saturating_add(wanted.count.saturating_mul(vcpus));
    let market = match market {
        Market::OnDemand => "on demand",
        Market::Spot => "as spot",
    };
    format!(
        "Region: {region}\n\
         Service: Amazon Elastic Compute Cloud (Amazon EC2)\n\
         Quota: {name} ({code})\n\
         Current value: {}\n\
         Requested value: {needed}\n\
         Reason: For a class we run {} machines of type {machine_type} ({vcpus} vCPUs each) at the \
         same time, {market}, for some hours a day. Other machines of this family use {} vCPUs.\n\
         \n\
         aws service-quotas request-service-quota-increase --region {region} --service-code ec2 \
         --quota-code {code} --desired-value {needed}",
        quota.limit,
        wanted.count,
        quota.taken()
    )
}
