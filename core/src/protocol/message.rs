//! One JSON-RPC message as raw bytes with the places we act on located by a single validating scan.
//!
//! Never re-serialises, never decodes strings nobody asks for. Input: one line (or body) of bytes; output: a [`Message`]
//! whose [`Span`]s point into those bytes.

use std::borrow::Cow;

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::envelope::Scanned;
use super::id::RequestId;
use super::method::Method;
use super::salvage::find_id;
use super::scan::{Flaw, Scan};
use super::spans::Spans;
use super::walk;

/// A half-open range of bytes in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// The members a scan locates. A span covers the member's *value*, quotes and brackets included.
///
/// What most messages have comes first: these have a place of their own in `spans.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// `id`
    Id,
    /// `method`
    Method,
    /// `params`
    Params,
    /// `result`
    Result,
    /// `error`
    Error,
    /// `params.name`
    Name,
    /// `params.arguments`
    Arguments,
    /// `params.uri`
    Uri,
    /// `params._meta`
    Meta,
    /// `params._meta.progressToken`
    MetaToken,
    /// `params.progressToken` (of `notifications/progress`)
    ProgressToken,
    /// `params.progress` (of `notifications/progress`)
    Progress,
    /// `result.resultType`
    ResultType,
    /// `result.isError`
    IsError,
    /// `params._meta["io.modelcontextprotocol/protocolVersion"]`
    MetaVersion,
    /// `params._meta["io.modelcontextprotocol/clientCapabilities"]`
    MetaCapabilities,
    /// `error.code`
    ErrorCode,
    /// `params.cursor`
    Cursor,
    /// `params.level`
    Level,
    /// `params.requestId`
    CancelId,
    /// `params.protocolVersion`
    ProtocolVersion,
    /// `params.capabilities`
    Capabilities,
    /// `params.clientInfo`
    ClientInfo,
    /// `params.notifications` (the filter of `subscriptions/listen`)
    ListenFilter,
    /// `params.requestState` (of a call's next round)
    RequestState,
    /// `params.inputResponses` (of a call's next round)
    InputResponses,
    /// `params.ref`
    Ref,
    /// `params.ref.name`
    RefName,
    /// `params.ref.uri`
    RefUri,
    /// `params.taskId`
    TaskId,
    /// `params.task` (a legacy call that is to become a task)
    Task,
    /// `params._meta["io.modelcontextprotocol/clientInfo"]`
    MetaClientInfo,
    /// `params._meta["io.modelcontextprotocol/logLevel"]`
    MetaLogLevel,
    /// `params._meta["io.modelcontextprotocol/subscriptionId"]`
    MetaSubscription,
    /// `params._meta["io.modelcontextprotocol/related-task"]`
    MetaTask,
    /// `result.nextCursor`
    NextCursor,
    /// `result.ttlMs`
    TtlMs,
    /// `result.cacheScope`
    CacheScope,
    /// `result.taskId`
    ResultTaskId,
    /// `result.task` (a legacy task that was made)
    ResultTask,
    /// `result._meta`
    ResultMeta,
}

impl Field {
    /// Where the member stands in a message, as `params.name`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Method => "method",
            Self::Params => "params",
            Self::Result => "result",
            Self::Error => "error",
            Self::ErrorCode => "error.code",
            Self::Name => "params.name",
            Self::Uri => "params.uri",
            Self::Cursor => "params.cursor",
            Self::Level => "params.level",
            Self::CancelId => "params.requestId",
            Self::ProgressToken => "params.progressToken",
            Self::Progress => "params.progress",
            Self::ProtocolVersion => "params.protocolVersion",
            Self::Capabilities => "params.capabilities",
            Self::ClientInfo => "params.clientInfo",
            Self::ListenFilter => "params.notifications",
            Self::Arguments => "params.arguments",
            Self::RequestState => "params.requestState",
            Self::InputResponses => "params.inputResponses",
            Self::Ref => "params.ref",
            Self::RefName => "params.ref.name",
            Self::RefUri => "params.ref.uri",
            Self::TaskId => "params.taskId",
            Self::Task => "params.task",
            Self::Meta => "params._meta",
            Self::MetaToken => "params._meta.progressToken",
            Self::MetaVersion => "params._meta.io.modelcontextprotocol/protocolVersion",
            Self::MetaClientInfo => "params._meta.io.modelcontextprotocol/clientInfo",
            Self::MetaCapabilities => "params._meta.io.modelcontextprotocol/clientCapabilities",
            Self::MetaLogLevel => "params._meta.io.modelcontextprotocol/logLevel",
            Self::MetaSubscription => "params._meta.io.modelcontextprotocol/subscriptionId",
            Self::MetaTask => "params._meta.io.modelcontextprotocol/related-task",
            Self::ResultType => "result.resultType",
            Self::IsError => "result.isError",
            Self::NextCursor => "result.nextCursor",
            Self::TtlMs => "result.ttlMs",
            Self::CacheScope => "result.cacheScope",
            Self::ResultTaskId => "result.taskId",
            Self::ResultTask => "result.task",
            Self::ResultMeta => "result._meta",
        }
    }
}

/// What kind of JSON-RPC message this is (JSON-RPC 2.0, sections 4 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Has `method` and `id`.
    Request,
    /// Has `method`, no `id`.
    Notification,
    /// Has `result`. A `"error":null` beside it is allowed (edge case 7) and found by [`Message::span`].
    Response,
    /// Has `error`; `id` may be absent or null. A `"result":null` beside it is allowed and found by [`Message::span`].
    Error,
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub kind: MalformedKind,
    /// Byte offset where it was noticed.
    pub at: usize,
    /// The id, when it could be read all the same: the error answer carries it.
    pub id: Option<RequestId>,
}

/// The ways a message can be malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKind {
    /// Not JSON (JSON-RPC: -32700). The text says what was expected.
    #[error("not JSON: {0}")]
    NotJson(&'static str),
    /// Not UTF-8 (-32700).
    #[error("not UTF-8")]
    NotUtf8,
    /// Nested deeper than [`Message::MAX_DEPTH`] (-32600).
    #[error("nested deeper than 128 levels")]
    TooDeep,
    /// An envelope or routing key stands twice (-32600): two readers could understand it differently.
    #[error("`{0}` stands twice")]
    DuplicateKey(&'static str),
    /// Valid JSON but no JSON-RPC 2.0 message (-32600).
    #[error("{0}")]
    Shape(&'static str),
}

/// One line may hold a message or, in the 2025-03-26 edition, a batch of them.
#[derive(Clone, Debug)]
pub enum Frame {
    /// One message.
    One(Message),
    /// A JSON array of messages; each member stands or falls alone. Never empty (an empty array is malformed).
    Batch(Vec<Result<Message, Malformed>>),
}

/// One scanned message. Cloning is cheap: the bytes are shared.
#[derive(Clone, Debug)]
pub struct Message {
    raw: Bytes,
    spans: Spans,
    kind: Kind,
    method: Option<Method>,
    single_line: bool,
}

impl Message {
    /// Deepest nesting accepted, the envelope's own braces included.
    pub const MAX_DEPTH: usize = 128;

    /// Most members a batch may have: one costs little to write and an answer to hold.
    pub const MAX_BATCH: usize = 1000;

    /// Scans one message. Surrounding JSON whitespace is cut off (so is a leading BOM), so that [`Message::raw`] is
    /// exactly the object.
    ///
    /// # Errors
    /// When the bytes are no JSON-RPC 2.0 message; a batch is `Shape` here, see [`Message::parse_frame`].
    pub fn parse(raw: Bytes) -> Result<Self, Malformed> {
        Self::take(raw).map_err(|refused| refused.1)
    }

    /// The same for who wants the bytes back that are no message.
    ///
    /// # Errors
    /// As [`Message::parse`].
    pub fn take(raw: Bytes) -> Result<Self, Box<(Bytes, Malformed)>> {
        let refused = |raw: Bytes, flaw: Box<Flaw>| {
            let malformed = Malformed::of(&raw, *flaw);
            Box::new((raw, malformed))
        };
        match check_text(&raw) {
            Ok(()) => Self::scan(raw).map_err(|(raw, flaw)| refused(raw, flaw)),
            Err(flaw) => Err(refused(raw, flaw)),
        }
    }

    /// Scans a line that may hold a batch.
    ///
    /// # Errors
    /// As [`Message::parse`]; also for an array that is empty or has more than [`Message::MAX_BATCH`] members.
    pub fn parse_frame(raw: Bytes) -> Result<Frame, Malformed> {
        let start = text_start(&raw);
        if raw.get(start) != Some(&b'[') {
            return Self::parse(raw).map(Frame::One);
        }
        match check_text(&raw).and_then(|()| batch_members(&raw, start)) {
            Ok(members) => {
                let scan_member = |span: Span| {
                    Self::scan(raw.slice(span.range())).map_err(|(member, flaw)| {
                        Malformed::of(&member, Flaw { at: span.start as usize + flaw.at, ..*flaw })
                    })
                };
                Ok(Frame::Batch(members.into_iter().map(scan_member).collect()))
            }
            Err(flaw) => Err(Malformed::of(&raw, *flaw)),
        }
    }

    /// Scans UTF-8. Gives the bytes back where they are no message.
    fn scan(raw: Bytes) -> Result<Self, (Bytes, Box<Flaw>)> {
        let start = text_start(&raw);
        match Scanned::read(&raw[start..]) {
            Ok(Scanned { kind, spans, len, single_line }) => {
                let raw = if len == raw.len() { raw } else { raw.slice(start..start + len) };
                let method =
                    if spans.has(Field::Method) { Method::of(&raw[spans.get(Field::Method).range()]) } else { None };
                Ok(Self { raw, spans, kind, method, single_line })
            }
            Err(mut flaw) => {
                flaw.at += start;
                Err((raw, flaw))
            }
        }
    }

    /// The bytes, whole.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Whether it stands on one line as it is; pretty-printed JSON does not.
    #[must_use]
    pub const fn single_line(&self) -> bool {
        self.single_line
    }

    /// The same message on one line, as stdio needs it: each raw CR and LF, which can stand between tokens only, has
    /// become a space. Spans keep their places. Shares the bytes if there is nothing to do.
    #[must_use]
    pub fn to_single_line(&self) -> Self {
        let mut message = self.clone();
        if !message.single_line {
            let space = |&byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte };
            message.raw = self.raw.iter().map(space).collect();
            message.single_line = true;
        }
        message
    }

    /// What kind of message it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The method, if it is one we know, however its name is spelled in JSON.
    #[must_use]
    pub const fn method(&self) -> Option<Method> {
        self.method
    }

    /// Where a member's value stands, if the message has it.
    #[must_use]
    pub fn span(&self, field: Field) -> Option<Span> {
        let span = self.spans.get(field);
        (span.end != 0).then_some(span)
    }

    /// A member's value as raw JSON.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&[u8]> {
        self.span(field).map(|s| &self.raw[s.range()])
    }

    /// A member's value as raw JSON, sharing the message's bytes.
    #[must_use]
    pub fn slice(&self, field: Field) -> Option<Bytes> {
        self.span(field).map(|s| self.raw.slice(s.range()))
    }

    /// A member that is a JSON string, decoded; borrowed unless it has escapes. `None` if absent or no string, or if it
    /// holds a lone surrogate.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        self.get(field).and_then(walk::decode_valid)
    }

    /// A member that is a JSON string without escapes: its text, as the bytes it is.
    #[must_use]
    pub fn spelled(&self, field: Field) -> Option<&[u8]> {
        let text = self.get(field)?.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        (!text.contains(&b'\\')).then_some(text)
    }

    /// The code of an error, as far as it is one.
    #[must_use]
    pub fn error_code(&self) -> Option<i32> {
        std::str::from_utf8(self.get(Field::ErrorCode)?).ok()?.parse().ok()
    }

    /// Places to be cut so that strict readers take the message: a null member where the other one of `result` and
    /// `error` counts, or a `params` that is null. Empty for nearly all messages.
    #[must_use]
    #[inline]
    pub fn null_cuts(&self) -> Vec<Span> {
        let is_needed = match self.kind {
            Kind::Response => self.spans.has(Field::Error),
            Kind::Error => self.spans.has(Field::Result),
            Kind::Request | Kind::Notification => !self.spans.has(Field::Params),
        };
        if is_needed { self.find_null_cuts() } else { Vec::new() }
    }

    fn find_null_cuts(&self) -> Vec<Span> {
        let key = match self.kind {
            Kind::Response if self.span(Field::Error).is_some() => "error",
            Kind::Error if self.span(Field::Result).is_some() => "result",
            Kind::Request | Kind::Notification if self.span(Field::Params).is_none() => "params",
            _ => return Vec::new(),
        };
        walk::cuts(&self.raw, Span::new(0, self.raw.len()), &[key])
    }

    /// Whether `params._meta` has members, and these only.
    #[must_use]
    pub fn has_only_meta(&self, fields: &[(Field, &str)]) -> bool {
        self.spans.has_only_meta(fields.iter().map(|(field, _)| *field))
    }

    /// What to cut so that `params._meta` has none of these members, which are of it; it goes as a whole where it has no others.
    #[must_use]
    pub fn meta_cuts(&self, fields: &[(Field, &str)]) -> SmallVec<[Span; 1]> {
        let (Some(meta), Some(params)) = (self.span(Field::Meta), self.span(Field::Params)) else {
            return SmallVec::new();
        };
        // The usual case, without looking at anything again.
        if let Some(cut) = self.has_only_meta(fields).then(|| walk::cut_of_value(&self.raw, meta, "_meta")).flatten() {
            return smallvec![cut];
        }
        let keys: SmallVec<[&str; 8]> = fields.iter().map(|(_, key)| *key).collect();
        walk::cuts_within(&self.raw, params, ("_meta", meta), &keys).into()
    }

    /// The id, if the message has one that is a string or an integer.
    #[must_use]
    pub fn id(&self) -> Option<RequestId> {
        self.slice(Field::Id).map(RequestId)
    }
}

impl Span {
    /// No bytes: the member is absent.
    pub(super) const NONE: Self = Self { start: 0, end: 0 };

    /// The span of places in a message; those have at most [`MAX_LEN`] bytes.
    pub(super) const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The span as indices.
    #[must_use]
    pub const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Malformed {
    #[cold]
    fn of(bytes: &[u8], flaw: Flaw) -> Self {
        Self { kind: flaw.kind, at: flaw.at, id: find_id(&bytes[bom(bytes)..]) }
    }
}

/// More cannot be addressed by a [`Span`].
const MAX_LEN: usize = u32::MAX as usize;

/// The length of the byte order mark the bytes begin with, if they do.
fn bom(bytes: &[u8]) -> usize {
    const BOM: &[u8] = "\u{feff}".as_bytes();
    if bytes.starts_with(BOM) { BOM.len() } else { 0 }
}

/// Where the JSON value begins.
fn text_start(bytes: &[u8]) -> usize {
    // Nearly always.
    if bytes.first() == Some(&b'{') {
        return 0;
    }
    let mut scan = Scan::new(bytes, bom(bytes));
    scan.peek();
    scan.pos
}

/// Checks what the scan relies on: UTF-8, and not too long.
fn check_text(bytes: &[u8]) -> Result<(), Box<Flaw>> {
    if bytes.len() > MAX_LEN {
        return Err(Box::new(Flaw { kind: MalformedKind::Shape("longer than 4 GiB"), at: MAX_LEN }));
    }
    // The quick check does not say where; the bad case may take its time.
    simdutf8::basic::from_utf8(bytes).map(drop).map_err(|_| {
        let at = std::str::from_utf8(bytes).err().map_or(0, |e| e.valid_up_to());
        Box::new(Flaw { kind: MalformedKind::NotUtf8, at })
    })
}

/// The members of the array that begins at `start`, each valid JSON.
fn batch_members(bytes: &[u8], start: usize) -> Result<Vec<Span>, Box<Flaw>> {
    let shape = |what, at| Box::new(Flaw { kind: MalformedKind::Shape(what), at });
    let mut members = Vec::new();
    let mut scan = Scan::new(bytes, start + 1);
    loop {
        // Only an empty array closes here.
        if scan.peek() == b']' && members.is_empty() {
            break;
        }
        let member = scan.pos;
        scan.skip(1)?;
        if members.len() == Message::MAX_BATCH {
            return Err(shape("more than 1000 members in a batch", member));
        }
        members.push(Span::new(member, scan.pos));
        match scan.peek() {
            b',' => scan.pos += 1,
            b']' => break,
            _ => return Err(scan.flaw("expected `,` or `]`")),
        }
    }
    scan.pos += 1;
    if !scan.at_end() {
        return Err(scan.flaw("expected nothing after the batch"));
    }
    if members.is_empty() { Err(shape("a batch needs a member", start)) } else { Ok(members) }
}

#[cfg(test)]
mod tests;
