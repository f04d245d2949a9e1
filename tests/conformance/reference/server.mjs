// The reference server that the suite is run against, directly and behind the proxy.
//   node server.mjs legacy|modern     over stdio, one era
//   node server.mjs http PORT [ERA]   over Streamable HTTP at /mcp, both eras or only one of them
import { createServer } from 'node:http';

const [, , mode, port, only] = process.argv;
if (mode === 'http') {
  const { localhostHostValidation, localhostOriginValidation } = await import('@modelcontextprotocol/node');
  const { classifyInboundRequest } = await import('@modelcontextprotocol/server');
  const [legacy, modern] = [await import('./legacy.mjs'), await import('./modern.mjs')];
  const isOurHost = localhostHostValidation();
  const isOurOrigin = localhostOriginValidation();
  createServer(async (req, res) => {
    if (!isOurHost(req, res) || !isOurOrigin(req, res)) return;
    let body;
    if (req.method === 'POST') {
      try {
        body = JSON.parse(Buffer.concat(await req.toArray()).toString());
      } catch {
        res.writeHead(400).end();
        return;
      }
    }
    const { kind } = classifyInboundRequest({
      httpMethod: req.method,
      protocolVersionHeader: req.headers['mcp-protocol-version'],
      mcpMethodHeader: req.headers['mcp-method'],
      body,
    });
    const era = only ?? (kind === 'legacy' ? 'legacy' : 'modern');
    await (era === 'legacy' ? legacy : modern).http(req, res, body);
  }).listen(Number(port), '127.0.0.1', () => console.log('ready'));
} else {
  await (await import(`./${mode}.mjs`)).stdio();
}
