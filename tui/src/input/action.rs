//! What a key may do.

/// Something a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Show the keys.
    Help,
    /// Find what can be done, and do it.
    Palette,
    /// Go to a screen.
    ShowBackends,
    /// Go to a screen.
    ShowInspect,
    /// Go to a screen.
    ShowCatalog,
    /// Go to a screen.
    ShowClients,
    /// Go to a screen.
    ShowLogs,
    /// Go to a screen.
    ShowMetrics,
    /// Back to the screen before.
    LastScreen,
    /// The next pane of the screen.
    NextPane,
    /// The pane before.
    PrevPane,
    /// One step back; never quits.
    Back,
    /// Close what is open; at the root, ask to quit.
    Close,
    /// Quit.
    Quit,
    /// Into the background.
    Suspend,
    /// Draw everything again.
    Redraw,
    /// Mouse on or off.
    Mouse,
    /// One line down.
    Down,
    /// One line up.
    Up,
    /// The first line.
    Top,
    /// The last line.
    Bottom,
    /// Half a page down.
    HalfDown,
    /// Half a page up.
    HalfUp,
    /// A page down.
    PageDown,
    /// A page up.
    PageUp,
    /// Open the selected row.
    Open,
    /// Type a filter.
    Filter,
    /// Keep the newest row selected.
    Follow,
    /// Choose what to copy.
    Copy,
    /// The flow this one belongs to.
    Parent,
    /// A flow that belongs to this one.
    Child,
    /// The next round of a call that took several.
    NextRound,
    /// The round before.
    PrevRound,
    /// Cancel a call in flight.
    CancelFlow,
    /// Disconnect a client.
    Disconnect,
    /// Fold or unfold.
    Fold,
    /// Unfold.
    Unfold,
    /// Fold, or go to what holds this value.
    FoldUp,
    /// Show the whole body.
    Whole,
    /// Show a masked value.
    Reveal,
    /// Restart a server.
    Restart,
    /// Start or stop a server.
    StartStop,
    /// The server's logs.
    BackendLogs,
    /// The server's details.
    Describe,
    /// The next kind of items.
    NextKind,
    /// The kind before.
    PrevKind,
    /// Try the selected item.
    Try,
    /// The last call once more.
    RunAgain,
    /// Show fewer lines of the selected source.
    ShowLess,
    /// Show more.
    ShowMore,
    /// Keep fewer lines of the selected source.
    KeepLess,
    /// Keep more.
    KeepMore,
    /// The list of sources on or off.
    Sources,
    /// Only the selected source.
    OnlySource,
    /// Hide sources that are off.
    HideOff,
    /// Older log lines.
    LogsBack,
    /// Newer log lines.
    LogsOn,
    /// The newest log lines.
    LogsNewest,
    /// Keep the filter and leave the field.
    FilterDone,
    /// Take the filter away.
    FilterClear,
    /// The next field.
    NextField,
    /// The field before.
    PrevField,
    /// The choice before.
    PrevChoice,
    /// The next choice.
    NextChoice,
    /// Send the form.
    Send,
    /// From the form to the answer or back.
    SwitchAnswer,
    /// Do the selected entry.
    Accept,
    /// Yes.
    Yes,
    /// No.
    No,
    /// The other button.
    OtherButton,
}
