use std::{collections::BTreeMap, sync::LazyLock};

/// By region; `scripts/client-images` writes it.
static TABLE: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../config/client-images.json")).unwrap_or_default()
});

/// The image that VMs of `region` are made from unless the file names one; of a region for which none
/// is known, that of the default region, which has to be replaced.
pub(super) fn of(region: &str) -> &'static str {
    TABLE.get(region).or_else(|| TABLE.get("us-west-2")).map_or("", String::as_str)
}

/// Why VMs of `region` can't be made from `image`, where it is known to be of another one.
pub(super) fn unfit(image: &str, region: &str) -> Option<String> {
    let home = TABLE.iter().find(|(_, known)| *known == image).map(|(home, _)| home.as_str())?;
    (home != region).then(|| {
        format!(
            "machine.ami_id {image} is an image of {home}, and app.region is {region}: make one \
             there (infra/image) and name it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn an_image_of_another_region_is_told() {
        let told = |yaml: &str| Config::parse(yaml).unwrap().warnings().join("\n");
        assert!(!told("").contains("machine.ami_id"));
        assert!(told("app: {region: eu-west-1}").contains("is an image of us-west-2"));
        let own = "app: {region: eu-west-1}\nmachine: {ami_id: ami-0fedcba9876543210}";
        assert!(!told(own).contains("machine.ami_id"));
    }

    #[test]
    fn the_table_knows_the_default_region() {
        assert!(of("us-west-2").starts_with("ami-"));
        assert_eq!(of("us-west-2"), Config::parse("").unwrap().machine.ami_id);
    }
}
