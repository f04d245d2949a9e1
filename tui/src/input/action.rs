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
    /// Go to a screen.
    ShowConfig,
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
    /// What was said, and what happened.
    Messages,
    /// Colours for a light or a dark background.
    Light,
    /// More room for the details.
    Larger,
    /// Less room for the details.
    Smaller,
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
    /// Drop a held message, or cancel a call in flight.
    CancelFlow,
    /// Make a call again.
    Replay,
    /// Edit a call and make it again; edit a held message and let it go on.
    Edit,
    /// Choose what to hold.
    Intercept,
    /// Hold or hold no more, by the last rule.
    InterceptSwitch,
    /// Let a held message go on.
    Release,
    /// Let all held messages go on.
    ReleaseAll,
    /// Answer a held request.
    AnswerByHand,
    /// Choose how to export.
    Export,
    /// Save what the list shows.
    SaveRows,
    /// Look at a recording.
    Load,
    /// Write calls into a file as they end, or stop that.
    Stream,
    /// Into a file instead.
    ToFile,
    /// Mark a flow, or take its mark away.
    Mark,
    /// Only marked flows, or all.
    OnlyMarked,
    /// Take all marks away.
    UnmarkAll,
    /// Write something beside a flow.
    Comment,
    /// Compare two flows.
    Compare,
    /// What belongs to a flow.
    Related,
    /// Choose columns and the order of the list.
    Columns,
    /// Show or hide the selected column.
    Toggle,
    /// Put away what came so far, or take it out again.
    Clear,
    /// Freeze the list, or let it go on.
    Freeze,
    /// Look for text in a body.
    Search,
    /// Its next place.
    SearchNext,
    /// The place before.
    SearchPrev,
    /// Keep what was found.
    SearchDone,
    /// Look for nothing.
    SearchCancel,
    /// Find a call in the list.
    FindCall,
    /// The next call that was found.
    FindNextCall,
    /// The one before.
    FindPrevCall,
    /// Another view of a body.
    BodyView,
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
    /// Ask a server whether it is there.
    Ping,
    /// Another order.
    Order,
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
    /// Show a tool to clients or not, for good.
    UseItem,
    /// Another name for a tool, for good.
    Rename,
    /// As JSON, or as people read it.
    AsJson,
    /// All arguments as JSON, or a field for each.
    RawArguments,
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
    /// Save the configuration, after a look at what that changes.
    Save,
    /// Take the last change back.
    Undo,
    /// Do it again.
    Redo,
    /// Copy what is selected, else the line.
    CopyText,
    /// The same, and take it out.
    CutText,
    /// Put in what was copied.
    PasteText,
    /// Look for a text.
    FindText,
    /// The next place it is found.
    FindNext,
    /// The place before.
    FindPrev,
    /// Go to a line by its number.
    GoToLine,
    /// Make lines comments, or text again.
    CommentLines,
    /// The next thing that is wrong.
    NextProblem,
    /// The one before.
    PrevProblem,
    /// Offer what may stand here.
    Complete,
    /// Take the selected offer if somebody chose it; else a new line.
    AcceptChosen,
    /// Close the offers.
    CloseList,
    /// Open the text in the editor of the user.
    OutsideEditor,
    /// From the text to the outline.
    LeaveText,
    /// This server in the configuration file.
    EditConfig,
    /// Add a server by a form.
    AddServer,
    /// Use a server, or do not any more.
    UseServer,
    /// Take a server out of the file.
    RemoveServer,
    /// Look again.
    Refresh,
    /// Keep what is here, though the file is another one.
    KeepMine,
    /// Take what is on disk.
    TakeTheirs,
    /// See what differs.
    SeeDifference,
    /// Do the selected entry.
    Accept,
    /// Yes.
    Yes,
    /// No.
    No,
    /// The other button.
    OtherButton,
}
