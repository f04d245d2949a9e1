//! The methods we act on.

use super::walk;

macro_rules! methods {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A method name the proxy knows (MCP 2024-11-05 to 2026-07-28, schema). Others pass as they are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method { $(
            #[doc = $name] $variant,
        )* }

        impl Method {
            /// All methods we know.
            pub(crate) const ALL: [Self; Self::COUNT] = [$(Self::$variant),*];
            /// How many methods we know.
            pub(crate) const COUNT: usize = [$(Self::$variant),*].len();

            /// The known method of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $( $name => Some(Self::$variant), )* _ => None }
            }

            /// The known method of this name, as a raw JSON string without escapes.
            fn from_raw(raw: &[u8]) -> Option<Self> {
                let name = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
                $( if name == $name.as_bytes() { return Some(Self::$variant); } )*
                None
            }

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }
        }
    };
}

impl Method {
    /// The known method of this name, however it is spelled in JSON.
    pub(super) fn of(raw: &[u8]) -> Option<Self> {
        match Self::from_raw(raw) {
            None if raw.contains(&b'\\') => Self::from_name(&walk::decode_valid(raw)?),
            known => known,
        }
    }
}

methods! {
    ToolsCall = "tools/call",
    Progress = "notifications/progress",
    Initialize = "initialize",
    Discover = "server/discover",
    Ping = "ping",
    ToolsList = "tools/list",
    PromptsList = "prompts/list",
    PromptsGet = "prompts/get",
    ResourcesList = "resources/list",
    TemplatesList = "resources/templates/list",
    ResourcesRead = "resources/read",
    ResourcesSubscribe = "resources/subscribe",
    ResourcesUnsubscribe = "resources/unsubscribe",
    Listen = "subscriptions/listen",
    Complete = "completion/complete",
    SetLevel = "logging/setLevel",
    ElicitationCreate = "elicitation/create",
    SamplingCreate = "sampling/createMessage",
    RootsList = "roots/list",
    Initialized = "notifications/initialized",
    Cancelled = "notifications/cancelled",
    LogMessage = "notifications/message",
    RootsChanged = "notifications/roots/list_changed",
    ToolsChanged = "notifications/tools/list_changed",
    PromptsChanged = "notifications/prompts/list_changed",
    ResourcesChanged = "notifications/resources/list_changed",
    ResourceUpdated = "notifications/resources/updated",
    Acknowledged = "notifications/subscriptions/acknowledged",
    TasksGet = "tasks/get",
    TasksResult = "tasks/result",
    TasksList = "tasks/list",
    TasksCancel = "tasks/cancel",
    TasksUpdate = "tasks/update",
    TaskStatus = "notifications/tasks/status",
    TaskChanged = "notifications/tasks",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_methods_and_back() {
        for method in [Method::Initialize, Method::Discover, Method::ToolsCall, Method::Acknowledged] {
            assert_eq!(Method::from_name(method.name()), Some(method));
        }
        for name in ["", "Tools/call", "tools/call ", "tools", "notifications/unknown"] {
            assert_eq!(Method::from_name(name), None, "{name}");
        }
    }
}
