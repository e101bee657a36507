use super::Dice;

/// Somebody who claims once: the next time, the same actor is somebody else.
pub struct Person {
    /// Letters and digits alone, since it is part of the codes.
    pub name: String,
    pub email: String,
    /// The cookie of the browser with which they claimed.
    pub cookie: Option<String>,
    commands: u32,
}

impl Person {
    pub fn new(actor: usize, life: u32) -> Self {
        let name = format!("p{actor}x{life}");
        Self { email: format!("{name}@example.org"), name, cookie: None, commands: 0 }
    }

    /// A code that nobody else ever has. Some are too old to be taken.
    pub fn code(&mut self, dice: &mut Dice) -> String {
        self.commands += 1;
        let kind = if dice.chance(10) { "expired" } else { "4" };
        format!("{kind}/{}-{}", self.name, self.commands)
    }
}

/// What a claim's page tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    pub hostname: String,
    pub pin: String,
}

impl Ticket {
    pub fn on(page: &str) -> Option<Self> {
        let after = |mark: &str| page.split_once(mark)?.1.split_once("</dd>").map(|(text, _)| text);
        let hostname = after("<dd class=\"host\">")?.trim().to_owned();
        let pin = after("class=\"pin\">")?.chars().filter(char::is_ascii_digit).collect();
        Some(Self { hostname, pin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_off_its_page_and_an_ended_claims_page_has_none() {
        let page = r#"<dd class="host">lablink-vm-dev-3</dd></div>
            <dd class="pin"><span>123</span><span>456</span></dd>"#;
        let ticket = Ticket { hostname: "lablink-vm-dev-3".to_owned(), pin: "123456".to_owned() };
        assert_eq!(Ticket::on(page), Some(ticket));
        assert_eq!(Ticket::on(r#"<b class="host">lablink-vm-dev-3</b>"#), None);
    }
}
