//! mcp-proxy: one endpoint for all your MCP servers, and a terminal that shows what happens on it.

fn main() -> std::process::ExitCode {
    mcp_proxy::main()
}
