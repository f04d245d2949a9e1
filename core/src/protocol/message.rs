//! One JSON-RPC message as raw bytes with the places we act on located by a single validating scan.
//!
//! Never re-serialises, never decodes strings nobody asks for. Input: one line (or body) of bytes; output: a [`Message`]
//! whose [`Span`]s point into those bytes.

use bytes::Bytes;

use super::id::RequestId;

/// A half-open range of bytes in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// The members a scan locates. A span covers the member's *value*, quotes and brackets included.
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
    /// `error.code`
    ErrorCode,
    /// `params.name`
    Name,
    /// `params.uri`
    Uri,
    /// `params.cursor`
    Cursor,
    /// `params.level`
    Level,
    /// `params.requestId`
    CancelId,
    /// `params.progressToken` (of `notifications/progress`)
    ProgressToken,
    /// `params.progress` (of `notifications/progress`)
    Progress,
    /// `params.protocolVersion`
    ProtocolVersion,
    /// `params.capabilities`
    Capabilities,
    /// `params.clientInfo`
    ClientInfo,
    /// `params.notifications` (the filter of `subscriptions/listen`)
    ListenFilter,
    /// `params.arguments`
    Arguments,
    /// `params.ref`
    Ref,
    /// `params.ref.name`
    RefName,
    /// `params.ref.uri`
    RefUri,
    /// `params._meta`
    Meta,
    /// `params._meta.progressToken`
    MetaToken,
    /// `params._meta["io.modelcontextprotocol/protocolVersion"]`
    MetaVersion,
    /// `params._meta["io.modelcontextprotocol/clientInfo"]`
    MetaClientInfo,
    /// `params._meta["io.modelcontextprotocol/clientCapabilities"]`
    MetaCapabilities,
    /// `params._meta["io.modelcontextprotocol/logLevel"]`
    MetaLogLevel,
    /// `params._meta["io.modelcontextprotocol/subscriptionId"]`
    MetaSubscription,
    /// `result.resultType`
    ResultType,
    /// `result.isError`
    IsError,
    /// `result.nextCursor`
    NextCursor,
    /// `result.ttlMs`
    TtlMs,
    /// `result.cacheScope`
    CacheScope,
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
    /// Has `error`; `id` may be absent or null.
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
    kind: Kind,
    spans: [Span; Field::COUNT],
}

impl Field {
    const COUNT: usize = Self::CacheScope as usize + 1;
}

impl Message {
    /// Deepest nesting accepted, the envelope's own braces included.
    pub const MAX_DEPTH: usize = 128;

    /// Scans one message. Surrounding JSON whitespace is cut off (so is a leading BOM), so that [`Message::raw`] is
    /// exactly the object.
    ///
    /// # Errors
    /// When the bytes are no JSON-RPC 2.0 message; a batch is `Shape` here, see [`Message::parse_frame`].
    pub fn parse(raw: Bytes) -> Result<Self, Malformed> {
        let _ = raw;
        unreachable!()
    }

    /// Scans a line that may hold a batch.
    ///
    /// # Errors
    /// As [`Message::parse`]; also for an empty array.
    pub fn parse_frame(raw: Bytes) -> Result<Frame, Malformed> {
        Self::parse(raw).map(Frame::One)
    }

    /// The bytes, whole.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// What kind of message it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Where a member's value stands, if the message has it.
    #[must_use]
    pub fn span(&self, field: Field) -> Option<Span> {
        let span = self.spans[field as usize];
        (span.end != 0).then_some(span)
    }

    /// A member's value as raw JSON.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&[u8]> {
        self.span(field).map(|s| &self.raw[s.start as usize..s.end as usize])
    }

    /// A member's value as raw JSON, sharing the message's bytes.
    #[must_use]
    pub fn slice(&self, field: Field) -> Option<Bytes> {
        self.span(field).map(|s| self.raw.slice(s.start as usize..s.end as usize))
    }

    /// A member that is a JSON string, decoded; borrowed unless it has escapes. `None` if absent or no string, or if it
    /// holds a lone surrogate.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<std::borrow::Cow<'_, str>> {
        let _ = field;
        unreachable!()
    }

    /// The id, if the message has one that is a string or an integer.
    #[must_use]
    pub fn id(&self) -> Option<RequestId> {
        self.slice(Field::Id).map(RequestId)
    }
}
