//! Where a key is pressed: several contexts lie on each other, the first that knows the key has it.

/// A group of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Context {
    /// Everywhere but in text fields and popups.
    Everywhere,
    /// Moving up and down in anything with lines.
    Move,
    /// A list with a filter.
    List,
    /// A body in Inspect.
    Body,
    /// A JSON tree.
    Json,
    /// The screen Backends.
    Backends,
    /// The screen Inspect.
    Inspect,
    /// The screen Catalog.
    Catalog,
    /// The screen Clients.
    Clients,
    /// The screen Logs.
    Logs,
    /// The screen Metrics.
    Metrics,
    /// The screen Config.
    Config,
    /// The same without a file.
    NoConfig,
    /// What works in its outline and in its text.
    ConfigFile,
    /// Its text.
    Text,
    /// What is offered where one types.
    Offers,
    /// The field in which a text to find, or a line, is typed.
    Find,
    /// The form that adds a server.
    AddServer,
    /// The question when the file on disk has changed.
    Changed,
    /// The field in which a filter is typed.
    Filter,
    /// The field in which text of a body is looked for.
    Search,
    /// A field that asks for something.
    Prompt,
    /// A message being edited.
    Message,
    /// The menu of exports.
    Export,
    /// The menu of columns.
    Columns,
    /// The form that tries an item.
    Form,
    /// The answer below that form.
    Answer,
    /// The field of another name for a tool.
    Rename,
    /// A popup with entries: help, copy.
    Menu,
    /// The field of the palette.
    Palette,
    /// A popup with text.
    Reader,
    /// A question.
    Confirm,
}

impl Context {
    /// All of them, in the order of the help page.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 32] = [
        Self::Everywhere,
        Self::Move,
        Self::List,
        Self::Body,
        Self::Json,
        Self::Backends,
        Self::Inspect,
        Self::Catalog,
        Self::Clients,
        Self::Logs,
        Self::Metrics,
        Self::Config,
        Self::NoConfig,
        Self::ConfigFile,
        Self::Text,
        Self::Offers,
        Self::Find,
        Self::AddServer,
        Self::Changed,
        Self::Filter,
        Self::Search,
        Self::Prompt,
        Self::Message,
        Self::Export,
        Self::Columns,
        Self::Form,
        Self::Answer,
        Self::Rename,
        Self::Menu,
        Self::Palette,
        Self::Reader,
        Self::Confirm,
    ];

    /// Its heading.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Move => "Moving",
            Self::List => "Lists",
            Self::Body => "A body in Inspect",
            Self::Json => "JSON trees",
            Self::Backends => "Backends",
            Self::Inspect => "Inspect",
            Self::Catalog => "Catalog",
            Self::Clients => "Clients",
            Self::Logs => "Logs",
            Self::Metrics => "Metrics",
            Self::Config => "Config",
            Self::NoConfig => "Config without a file",
            Self::ConfigFile => "The configuration",
            Self::Text => "Its text",
            Self::Offers => "What may stand here",
            Self::Find => "Finding",
            Self::AddServer => "Adding a server",
            Self::Changed => "Changed on disk",
            Self::Filter => "Typing a filter",
            Self::Search => "Looking for text",
            Self::Prompt => "A field",
            Self::Message => "Editing a message",
            Self::Export => "Exports",
            Self::Columns => "Columns",
            Self::Form => "Trying an item",
            Self::Answer => "Its answer",
            Self::Rename => "Another name",
            Self::Menu => "Menus",
            Self::Palette => "Palette",
            Self::Reader => "Text",
            Self::Confirm => "Questions",
        }
    }

    /// Contexts in which characters are typed, not commands.
    pub(crate) const fn takes_text(self) -> bool {
        matches!(
            self,
            Self::Filter
                | Self::Search
                | Self::Prompt
                | Self::Message
                | Self::Form
                | Self::Palette
                | Self::Rename
                | Self::ConfigFile
                | Self::Text
                | Self::Find
                | Self::AddServer
        )
    }
}
