//! [`Apart`]: what one server lists for some clients only: for those that can be asked something, and for those who have an
//! instance of their own. Pure.
//!
//! Lists are kept by what clients can be asked ([`Profile`]), because that is what servers make them by (protocol.md, section 4).
//! An instance that somebody has alone may go on to list something else: that is for its own clients, and nobody else is told.

use std::sync::{Arc, Weak};

use foldhash::HashMap;

use super::offer::Offer;
use super::peer::Principal;
use super::port::Port;
use super::tenant::{Profile, Tenant};
use crate::protocol::SessionId;

/// Who sees something else now than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Concerned {
    /// Nobody.
    Nobody,
    /// This session.
    Session(SessionId),
    /// The sessions of this user.
    User(Principal),
    /// Those that can be asked these things.
    Kind(Profile),
}

/// What one server lists for some clients only.
#[derive(Debug, Default)]
pub(super) struct Apart {
    kinds: HashMap<Profile, Kind>,
    /// By whose it is; of an instance under lease, the session that has it.
    own: HashMap<Tenant, Own>,
}

/// The lists for clients of one profile.
#[derive(Debug, Default)]
struct Kind {
    offer: Option<Arc<Offer>>,
    /// It need not be asked for: an instance has said so, and since then nothing has shown that it may be out of date.
    is_fresh: bool,
    /// It is on its way.
    is_awaited: bool,
    /// The instance that says it.
    by: Weak<Port>,
}

#[derive(Debug)]
struct Own {
    offer: Arc<Offer>,
    /// The port that said so.
    number: u64,
}

/// What is known of the lists for one client.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) offer: Option<Arc<Offer>>,
    /// An instance should be asked.
    pub(super) is_wanted: bool,
    /// An instance has been, and will say it.
    pub(super) awaited: Option<Arc<Port>>,
}

impl Kind {
    /// The instance that says it, if it is there still.
    fn living(&self) -> Option<Arc<Port>> {
        self.by.upgrade().filter(|port| !port.control.is_closed())
    }
}

impl Apart {
    /// Whether it is known, from an earlier run or this one, what clients of `profile` see.
    pub(super) fn knows(&self, profile: Profile) -> bool {
        self.kinds.contains_key(&profile)
    }

    /// What is remembered for clients of `profile`; `is_fresh`: what everybody sees has not changed since.
    pub(super) fn recall(&mut self, profile: Profile, offer: Option<Arc<Offer>>, is_fresh: bool) {
        self.kinds.entry(profile).or_insert(Kind { offer, is_fresh, ..Kind::default() });
    }

    /// What is shown to `session`, whose calls go to the instance of `tenant`.
    pub(super) fn seen(&self, tenant: &Tenant, session: SessionId, profile: Option<Profile>) -> Seen {
        let own = match tenant {
            Tenant::Lease(_) => self.own.get(&Tenant::Session(session)),
            tenant => self.own.get(tenant),
        };
        if let Some(own) = own {
            return Seen { offer: Some(own.offer.clone()), ..Seen::default() };
        }
        // Who can be asked nothing sees what everybody sees.
        let Some(profile) = profile else { return Seen::default() };
        let Some(kind) = self.kinds.get(&profile) else { return Seen { is_wanted: true, ..Seen::default() } };
        let awaited = if kind.is_awaited { kind.living() } else { None };
        Seen { offer: kind.offer.clone(), is_wanted: !kind.is_fresh && awaited.is_none(), awaited }
    }

    /// Whether an instance that is not asked in any case should be, for clients of `profile`.
    pub(super) fn needs(&self, profile: Profile) -> bool {
        self.kinds.get(&profile).is_some_and(|kind| !kind.is_fresh)
    }

    /// `port` will say what clients of `profile` see.
    pub(super) fn awaits(&mut self, profile: Profile, port: &Arc<Port>) {
        let kind = self.kinds.entry(profile).or_default();
        kind.is_awaited = true;
        kind.by = Arc::downgrade(port);
    }

    /// An instance for all clients of `profile`, with nothing of anybody in it, has said what it lists.
    pub(super) fn says(&mut self, profile: Profile, port: &Arc<Port>, offer: &Arc<Offer>) -> Concerned {
        let kind = self.kinds.entry(profile).or_default();
        let is_same = kind.offer.as_ref().is_some_and(|before| Arc::ptr_eq(before, offer)) && !kind.is_awaited;
        *kind = Kind { offer: Some(offer.clone()), is_fresh: true, is_awaited: false, by: Arc::downgrade(port) };
        if is_same { Concerned::Nobody } else { Concerned::Kind(profile) }
    }

    /// Whether `port` is the instance that speaks for its kind.
    pub(super) fn speaks(&self, profile: Profile, port: &Port) -> bool {
        self.kinds.get(&profile).and_then(Kind::living).is_none_or(|by| by.number == port.number)
    }

    /// Whether what an instance lists is something else than clients of `profile` see in general.
    pub(super) fn differs(&self, profile: Profile, offer: &Arc<Offer>) -> bool {
        self.kinds.get(&profile).and_then(|k| k.offer.as_ref()).is_none_or(|known| !Arc::ptr_eq(known, offer))
    }

    /// The instance `port` lists this for `whose`.
    pub(super) fn says_to(&mut self, whose: Tenant, port: &Port, offer: Arc<Offer>) -> Concerned {
        let is_same = self.own.get(&whose).is_some_and(|own| Arc::ptr_eq(&own.offer, &offer));
        let concerned = if is_same { Concerned::Nobody } else { concerned(&whose) };
        self.own.insert(whose, Own { offer, number: port.number });
        concerned
    }

    /// What `port` listed for somebody in particular holds no more. Gives who that was.
    pub(super) fn forgets(&mut self, port: &Port) -> Vec<Concerned> {
        let (gone, left) = std::mem::take(&mut self.own).into_iter().partition(|(_, own)| own.number == port.number);
        self.own = left;
        let gone: HashMap<Tenant, Own> = gone;
        gone.keys().map(concerned).collect()
    }

    /// `port` will not say what it lists, for now at least. Gives who waits for that.
    pub(super) fn gives_up(&mut self, port: &Port) -> Vec<Concerned> {
        let its = self.kinds.iter_mut().filter(|(_, k)| k.is_awaited && is_by(k, port));
        let give_up = |(profile, kind): (&Profile, &mut Kind)| {
            kind.is_awaited = false;
            Concerned::Kind(*profile)
        };
        its.map(give_up).collect()
    }

    /// What everybody sees has changed: so may have what some see, and where no instance is that would have said so, the
    /// next list asks.
    pub(super) fn may_have_changed(&mut self) {
        for kind in self.kinds.values_mut().filter(|k| k.living().is_none()) {
            kind.is_fresh = false;
        }
    }

    /// The server begins anew: what is known is shown until it says more. Nobody has an instance of it.
    pub(super) fn begins_anew(&mut self) {
        self.own.clear();
        self.kinds.values_mut().for_each(|kind| kind.is_fresh = false);
    }

    /// The value among those that are kept that is the same as `offer`, if there is one: nobody keeps a second one, and clients
    /// that see the same see the same value.
    pub(super) fn kept(&self, offer: &Offer) -> Option<Arc<Offer>> {
        let kinds = self.kinds.values().filter_map(|k| k.offer.as_ref());
        kinds.chain(self.own.values().map(|o| &o.offer)).find(|kept| kept.items == offer.items).cloned()
    }
}

fn is_by(kind: &Kind, port: &Port) -> bool {
    kind.by.upgrade().is_none_or(|by| by.number == port.number)
}

fn concerned(whose: &Tenant) -> Concerned {
    match whose {
        Tenant::Session(session) => Concerned::Session(*session),
        Tenant::Client(principal) | Tenant::Kind(principal, _) => Concerned::User(principal.clone()),
        Tenant::Lease(profile) => Concerned::Kind(*profile),
        Tenant::Everybody => Concerned::Nobody,
    }
}
