// One SMPP peer on the npm package `smpp`, driven line by line.
//
// `node peer.js client <port>` connects; `node peer.js server` listens and prints its port. Every line on stdin is
// {"do": <command or one of close, answer>, "fields": {...}, "tag": n}; every line on stdout is what happened:
// {"pdu": {...}} for a request of the other side, {"answer": {...}, "tag": n} for an answer to one of ours, {"port": n},
// {"connected": true}, {"closed": true}, {"error": "..."}. Octets travel as {"hex": "..."} in both directions.
'use strict';
const readline = require('readline');
const smpp = require('smpp');

smpp.addTLV('vendor_value', {id: 0x1401, type: smpp.types.tlv.buffer});

let session = null;
// By command: fields of the answer, null for none, a list for one answer after the other, the last for all that follow.
const answers = {};

const say = (event) => process.stdout.write(JSON.stringify(event, octets) + '\n');

function octets(key, value) {
  if (value && value.type === 'Buffer') return {hex: Buffer.from(value.data).toString('hex')};
  return value;
}

function fields(given) {
  const read = (value) => {
    if (value && typeof value === 'object' && 'hex' in value) return Buffer.from(value.hex, 'hex');
    if (value && typeof value === 'object' && !Array.isArray(value)) return fields(value);
    return value;
  };
  return Object.fromEntries(Object.entries(given || {}).map(([name, value]) => [name, read(value)]));
}

function answerTo(pdu) {
  const chosen = answers[pdu.command];
  if (chosen === null) return;
  const given = Array.isArray(chosen) ? (chosen.length > 1 ? chosen.shift() : chosen[0]) : chosen;
  session.send(pdu.response(fields(given)));
}

function attend(joined) {
  session = joined;
  session.on('pdu', (pdu) => {
    if (pdu.isResponse()) return;
    say({pdu});
    answerTo(pdu);
  });
  session.on('close', () => say({closed: true}));
  session.on('error', (error) => say({error: error.message}));
}

function act(order) {
  if (order.do === 'answer') {
    Object.assign(answers, order.fields);
    say({answer: null, tag: order.tag});
  } else if (order.do === 'send') session.send(new smpp.PDU(order.command, fields(order.fields)));
  else if (order.do === 'close') session.close();
  else session[order.do](fields(order.fields), (answer) => say({answer, tag: order.tag}));
}

readline.createInterface({input: process.stdin}).on('line', (line) => act(JSON.parse(line)))
  .on('close', () => process.exit(0));

if (process.argv[2] === 'client') {
  attend(smpp.connect({host: '127.0.0.1', port: Number(process.argv[3])}, () => say({connected: true})));
} else {
  const server = smpp.createServer(attend);
  server.listen(0, '127.0.0.1', () => say({port: server.address().port}));
}
