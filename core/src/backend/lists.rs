//! What a server offers: all its lists, all pages, into one [`Offer`].

use std::sync::Arc;

use bytes::Bytes;

use super::instance::Instance;
use super::offer::{Holder, ItemKind, Offer};
use super::pending::Own;
use super::reading::RELIST_PAUSE;
use super::remote::param_headers;
use super::shape;
use super::status::BackendState;
use super::tenant::{Profile, Tenant};
use super::wire::Wire;
use crate::observe::NoticeLevel;
use crate::protocol::{Era, Field, Kind, Message, Span, code, walk};

/// Pages of one list, at most.
const MAX_PAGES: usize = 200;
/// Items of one list, at most.
const MAX_ITEMS: usize = 20_000;

/// Lists being asked for.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// By kind: what has come so far; `None`: not being asked for.
    open: [Option<Progress>; 4],
    /// Something changed while the lists were being asked for: ask again after.
    again: bool,
    /// The lists as they were last complete.
    done: [Vec<Bytes>; 4],
    /// A list was lost on the way and is asked for once more.
    pub(super) retried: bool,
    /// Calls wait until the lists are complete: they need what is in them.
    pub(super) holds_calls: bool,
    /// An instance for one session makes lists too: somebody wants to know, or it has changed them.
    pub(super) is_wanted: bool,
    /// They have been complete once.
    is_known: bool,
}

#[derive(Debug, Default)]
struct Progress {
    items: Vec<Bytes>,
    cursors: Vec<Bytes>,
}

impl Instance {
    /// Asks for all lists the server has.
    pub(super) fn relist(&mut self) {
        if !self.makes_lists() {
            return;
        }
        if self.listing.open.iter().any(Option::is_some) {
            self.listing.again = true;
            return;
        }
        self.listing.again = false;
        for kind in ItemKind::ALL {
            if self.declares(kind) {
                self.listing.open[kind as usize] = Some(Progress::default());
                self.ask_page(kind, None);
            }
        }
        self.finish_listing();
    }

    /// What the client can do for whom the lists are, where there is only one.
    fn capabilities_of_client(&self) -> String {
        let owner = || self.ctx.opening.borrow().clone().filter(|_| self.ctx.is_owned);
        let Some(facts) = self.port.facts.clone().or_else(owner) else { return "{}".to_owned() };
        match facts.revision.era() {
            Era::Legacy => facts.carried().to_owned(),
            Era::Modern => String::from_utf8_lossy(&facts.capabilities).into_owned(),
        }
    }

    /// Whether anybody needs the lists of this instance.
    fn makes_lists(&self) -> bool {
        let is_for_one = matches!(
            self.port.tenant,
            // Who can be asked nothing sees what everybody sees.
            Tenant::Session(_) | Tenant::Lease(Profile::HEARS) | Tenant::Kind(_, Profile::HEARS)
        );
        let profile = self.port.facts.as_ref().and_then(|facts| Profile::of(facts)).filter(|_| is_for_one);
        !is_for_one
            || self.listing.is_wanted
            || profile.is_some_and(|profile| self.ctx.offers.needs(&self.port, profile))
            // By HTTP a modern server's tools say which arguments travel as headers.
            || (self.era() == Era::Modern && matches!(self.wire, Wire::Http(_)))
    }

    /// The server says that its lists have changed.
    pub(super) fn on_lists_changed(&mut self) {
        if matches!(self.port.tenant, Tenant::Lease(Profile::HEARS) | Tenant::Kind(_, Profile::HEARS)) {
            // Nobody sees them.
            return;
        }
        self.listing.is_wanted = true;
        self.relist_at = Some(self.now + RELIST_PAUSE);
    }

    /// Whether a change of its lists is still to be told to whom it is for: whose turn it is.
    pub(super) fn changes_lists(&self) -> bool {
        self.listing.is_known && (self.relist_at.is_some() || self.listing.open.iter().any(Option::is_some))
    }

    /// Somebody wants to know what an instance beside the base one lists.
    pub(super) fn say_lists(&mut self) {
        self.listing.is_wanted = true;
        // They may be on their way, or will be asked for once the talk has been opened.
        if self.listing.open.iter().all(Option::is_none) && self.port.status.state() == BackendState::Ready {
            self.relist();
        }
    }

    fn ask_page(&mut self, kind: ItemKind, cursor: Option<&[u8]>) {
        let mut params = String::from("{");
        if self.era() == Era::Modern {
            let meta = shape::modern_meta(&self.ctx.identity, &self.capabilities_of_client(), None);
            params.push_str(&format!(r#""_meta":{{{meta}}}"#));
        }
        if let Some(cursor) = cursor {
            let comma = if params.len() > 1 { "," } else { "" };
            params.push_str(&format!(r#"{comma}"cursor":{}"#, String::from_utf8_lossy(cursor)));
        }
        params.push('}');
        self.send_own(Own::List(kind), kind.list_method(), &params);
    }

    pub(super) fn on_list(&mut self, kind: ItemKind, message: &Message) {
        let Some(mut progress) = self.listing.open[kind as usize].take() else { return };
        if message.kind() == Kind::Error {
            let error = String::from_utf8_lossy(message.get(Field::Error).unwrap_or_default()).into_owned();
            // A server that declares resources need not have templates.
            if kind != ItemKind::Template {
                let text = format!("its {} cannot be listed: {error}", kind.key());
                self.ctx.observer.notice(NoticeLevel::Warning, Some(self.port.name()), text);
            }
            let has_none = message.error_code() == Some(code::METHOD_NOT_FOUND);
            let known = &mut self.listing.done[kind as usize];
            // Trouble that passes must not take away what is known.
            if has_none || known.is_empty() {
                *known = progress.items;
            }
            return self.finish_listing();
        }
        let raw = message.raw();
        if let Some((_, list)) = message.span(Field::Result).and_then(|r| walk::member(raw, r, kind.key())) {
            let slice = |s: Span| raw.slice(s.start as usize..s.end as usize);
            progress.items.extend(walk::elements(raw, list).map(slice));
        }
        let next = message.slice(Field::NextCursor).filter(|c| c.first() == Some(&b'"'));
        if let Some(cursor) = next {
            let why = if progress.cursors.contains(&cursor) {
                Some("it gave the same cursor twice")
            } else if progress.cursors.len() + 1 >= MAX_PAGES || progress.items.len() >= MAX_ITEMS {
                Some("it has too many pages")
            } else {
                None
            };
            if let Some(why) = why {
                let text = format!("its list of {} was cut after {} items: {why}", kind.key(), progress.items.len());
                self.ctx.observer.notice(NoticeLevel::Warning, Some(self.port.name()), text);
            } else {
                progress.cursors.push(cursor.clone());
                self.listing.open[kind as usize] = Some(progress);
                return self.ask_page(kind, Some(&cursor));
            }
        }
        progress.items.truncate(MAX_ITEMS);
        self.listing.done[kind as usize] = progress.items;
        self.listing.retried = false;
        if kind == ItemKind::Tool {
            self.note_param_headers();
        }
        self.finish_listing();
    }

    /// Finds the arguments that a modern server by URL wants in headers; a tool that wants something impossible cannot be
    /// called and is left out (MCP 2026-07-28, server/tools, `x-mcp-header`).
    fn note_param_headers(&mut self) {
        if self.era() != Era::Modern {
            return;
        }
        let Wire::Http(remote) = &mut self.wire else { return };
        let tools = &mut self.listing.done[ItemKind::Tool as usize];
        let (params, wrong) = param_headers(tools);
        remote.params = params;
        for (at, why) in wrong.into_iter().rev() {
            let tool = tools.remove(at);
            let all = Span { start: 0, end: u32::try_from(tool.len()).unwrap_or(0) };
            let name = walk::member(&tool, all, "name").map(|(_, v)| &tool[v.start as usize..v.end as usize]);
            let name = name.and_then(walk::decode).unwrap_or_default();
            let text = format!("its tool `{name}` is left out: {why}");
            self.ctx.observer.notice(NoticeLevel::Warning, Some(self.port.name()), text);
        }
    }

    /// A list that does not come keeps what it was before.
    pub(super) fn give_up_list(&mut self, kind: ItemKind) {
        self.give_up_list_for(kind, "did not answer in time");
    }

    /// A list that cannot be had keeps what it was before; `why` begins with a verb.
    pub(super) fn give_up_list_for(&mut self, kind: ItemKind, why: &str) {
        if self.listing.open[kind as usize].take().is_some() {
            let text = format!("its list of {} did not come: it {why}", kind.key());
            self.ctx.observer.notice(NoticeLevel::Warning, Some(self.port.name()), text);
            self.finish_listing();
        }
    }

    /// Publishes the offer once the last list is complete.
    fn finish_listing(&mut self) {
        if self.listing.open.iter().any(Option::is_some) {
            return;
        }
        let mut offer = Offer {
            revision: self.revision,
            capabilities: Bytes::copy_from_slice(&self.capabilities),
            info: self.info.as_deref().map(Bytes::copy_from_slice),
            instructions: self.instructions.clone(),
            items: self.listing.done.each_mut().map(std::mem::take),
        };
        let is_base = self.port.is_base();
        if let Some(known) = self.offer.as_ref().filter(|known| is_base && ***known == offer) {
            self.listing.done.clone_from(&known.items);
        } else {
            // The pages are parts of large buffers: keep the items only.
            offer.items = offer.items.each_ref().map(|items| compact(items));
            let known = if is_base {
                Some(self.ctx.offers.publish_known(&self.port, offer))
            } else {
                self.publish_apart(offer)
            };
            if let Some(known) = known {
                self.listing.done.clone_from(&known.items);
                self.offer = Some(known);
            }
        }
        self.listing.is_known = true;
        if self.listing.again {
            return self.relist();
        }
        self.listing.holds_calls = false;
        self.take_from_backlog();
    }
}

impl Instance {
    /// Tells what an instance beside the base one lists to those whom that is for. What a session has changed in one under
    /// lease is a trace of it: the next session gets another one.
    fn publish_apart(&mut self, offer: Offer) -> Option<Arc<Offer>> {
        let holder = self.holder.filter(|_| self.listing.is_known && matches!(self.port.tenant, Tenant::Lease(_)));
        let kind = holder.map(|id| match self.ctx.peers.get(id) {
            _ if self.holder_is_call => Holder::Call,
            Some(_) => Holder::Session(id),
            None => Holder::Gone,
        });
        let published = self.ctx.offers.publish_apart(&self.port, offer, kind)?;
        if let (Some(holder), true) = (holder, published.leaves_traces) {
            self.port.lease.bind(holder);
            // Who has left does not come for it.
            self.stale |= kind == Some(Holder::Gone);
        }
        if let Some((profile, everybody)) = published.for_kind {
            let (server, eras) = (self.port.server(), self.port.pool.eras());
            self.ctx.memory.save_apart(&server, profile, eras, &published.offer, everybody.as_deref());
        }
        self.ctx.peers.see_anew(&published.told);
        Some(published.offer)
    }
}

/// The same items in one piece of memory of their own.
fn compact(items: &[Bytes]) -> Vec<Bytes> {
    let all = Bytes::from(items.concat());
    let mut end = 0;
    let mut next = |item: &Bytes| {
        let start = end;
        end += item.len();
        all.slice(start..end)
    };
    items.iter().map(&mut next).collect()
}
