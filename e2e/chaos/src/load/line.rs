use lablink_e2e::crd_command;

use super::{As, Body, ChaosLab, Dice, Phase, person::Person};

/// Looks of a person who then has enough of it.
const LOOKS: u32 = 120;

/// Stands in line. Answers the page of the claim that came of it.
pub async fn stand(lab: &mut ChaosLab, person: &mut Person, dice: &mut Dice) -> Option<String> {
    let place = join(lab, person, dice).await?;
    if !place.starts_with("/line/") {
        return Some(place).filter(|path| path.starts_with("/claims/"));
    }
    let mut command = None;
    for _ in 0..LOOKS {
        if lab.is(Phase::Over) {
            return None;
        }
        if let Some(answer) = lab.client.get(As::Browser(None), &place).await {
            match (answer.status, answer.location) {
                (303, Some(page)) => return Some(page),
                (200, _) if answer.body.contains("id=\"take\"") => {
                    let command = command.get_or_insert_with(|| crd_command(&person.code(dice)));
                    take(lab, &place, command, dice).await;
                }
                // Over, in one way or another.
                (200, _) if !answer.body.contains("id=\"waiting\"") => return None,
                _ => {}
            }
        }
        if lab.is(Phase::Busy) && dice.chance(1) {
            let path = format!("{place}/leave");
            lab.client.post(As::Browser(None), &path, Body::Form(&[])).await;
        }
        lab.pause(dice.millis(600, 2000)).await;
    }
    None
}

/// Where the form led to.
async fn join(lab: &mut ChaosLab, person: &Person, dice: &mut Dice) -> Option<String> {
    let form = [("email", person.email.as_str())];
    for _ in 0..20 {
        let joined = lab.client.post(As::Browser(None), "/line", Body::Form(&form)).await;
        match joined {
            Some(answer) if answer.status == 303 => return answer.location,
            // Its answer to an earlier try was lost.
            Some(answer) if answer.status == 409 => return None,
            _ => lab.pause(dice.millis(500, 1500)).await,
        }
        if !lab.is(Phase::Busy) {
            return None;
        }
    }
    None
}

async fn take(lab: &ChaosLab, place: &str, command: &str, dice: &mut Dice) {
    let path = format!("{place}/claim");
    let form = [("crd_command", command)];
    let send = || lab.client.post(As::Browser(None), &path, Body::Form(&form));
    if dice.chance(20) {
        tokio::join!(send(), send());
    } else {
        send().await;
    }
}
