//! What organisers and participants ask for, whose cost must not depend on the number of VMs.

/// Each page's name in the tables, and its path in a pool of 100, 1,000, … VMs. A page has as many
/// rows in each of them: a full one has 60, or 100 as JSON.
pub fn pages(vms: u32) -> Vec<(&'static str, String)> {
    let same = [
        ("participants' form, /", "/"),
        ("free VMs, /api/unassigned_vms_count", "/api/unassigned_vms_count"),
        ("dashboard, /admin", "/admin"),
        ("instances page", "/admin/instances"),
        ("instances, a search that finds a full page", "/admin/instances?q=lablink-vm-dev-"),
        ("instances, the free ones", "/admin/instances?show=free"),
        ("instances, the silent ones: 8 VMs", "/admin/instances?show=stale"),
        ("instances, trouble first", "/admin/instances?show=state"),
        ("participants page", "/admin/participants"),
        ("page of /api/vms", "/api/vms"),
        ("metrics, /metrics", "/metrics"),
        ("destroy page", "/admin/instances/delete"),
        ("results page", "/admin/results"),
    ];
    let by_size = [
        ("instances, a search that finds 11 VMs", format!("/admin/instances?q={}", found(vms))),
        (
            "instances, by participant: the last 10 VMs",
            format!("/admin/instances?show=participant&after=0.{}", before_ten(vms)),
        ),
    ];
    same.map(|(what, path)| (what, path.to_owned())).into_iter().chain(by_size).collect()
}

/// The beginning of 11 VMs' names: in a pool of 100, of 7 and 70 to 79; in one of 1,000, of 77 and
/// 770 to 779.
fn found(vms: u32) -> String {
    format!("lablink-vm-dev-{}", "7".repeat(vms.ilog10() as usize - 1))
}

/// The participant after whom ten more come, in the order of bytes.
fn before_ten(vms: u32) -> String {
    format!("student-{}@example.org", vms - 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_as_long_in_each_pool() {
        for vms in [100, 1_000, 10_000, 100_000] {
            let named =
                (1..=vms).filter(|nr| format!("lablink-vm-dev-{nr}").starts_with(&found(vms)));
            assert_eq!(named.count(), 11, "{vms}");
            let people = (1..=vms / 5).map(|nr| format!("student-{}@example.org", nr * 5));
            assert_eq!(people.filter(|person| *person > before_ten(vms)).count(), 10, "{vms}");
        }
    }
}
