use lablink_core::events::Entry;
use lablink_protocol::organisers::EventBody;

pub fn event_body(entry: Entry) -> EventBody {
    let Entry { id, at, actor, kind: _, word: kind, hostname, data } = entry;
    EventBody { event_id: id, at, actor, kind, hostname, data }
}
