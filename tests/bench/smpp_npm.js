// One end of an SMPP link on the npm package `smpp`: `node smpp_npm.js server`, or `client <port> <window> <messages>`.
// It does and prints what `smpp_ends.py` does.
'use strict';
const smpp = require('smpp');

smpp.addTLV('vendor_value', {id: 0x1401, type: smpp.types.tlv.buffer});

const MESSAGE = {
  source_addr_ton: 5,
  source_addr: 'Budstikke',
  dest_addr_ton: 1,
  dest_addr_npi: 1,
  destination_addr: '4799999999',
  registered_delivery: 1,
  data_coding: 0,
  short_message: Buffer.alloc(120, 'x'),
  user_message_reference: 1,
  sar_msg_ref_num: 2,
  vendor_value: Buffer.from('vendor-value'),
};

const say = (value) => process.stdout.write(JSON.stringify(value) + '\n');

function serve() {
  let taken = 0;
  const server = smpp.createServer((session) => {
    session.on('bind_transceiver', (pdu) => session.send(pdu.response()));
    session.on('submit_sm', (pdu) => session.send(pdu.response({message_id: String(++taken)})));
    session.on('unbind', (pdu) => session.send(pdu.response()));
    session.on('error', () => {});
  });
  server.listen(0, '127.0.0.1', () => say(server.address().port));
  process.stdin.on('end', () => process.exit(0)).resume();
}

function send(port, window, messages) {
  let left = messages;
  let open = messages;
  let accepted = 0;
  let cpu, wall;
  const session = smpp.connect({host: '127.0.0.1', port}, () => {
    session.bind_transceiver({system_id: 'bench', password: 'bench'}, () => {
      cpu = process.cpuUsage();
      wall = process.hrtime.bigint();
      for (let slot = 0; slot < window; slot++) submit();
    });
  });

  function submit() {
    if (left-- > 0) session.submit_sm(Object.assign({}, MESSAGE), answered);
  }

  function answered(pdu) {
    accepted += pdu.command_status === 0;
    if (--open > 0) return submit();
    const used = process.cpuUsage(cpu);
    const spent = {cpu: (used.user + used.system) / 1e6, wall: Number(process.hrtime.bigint() - wall) / 1e9};
    session.unbind({}, () => {
      if (accepted === messages) say(spent);
      process.exit(accepted === messages ? 0 : 1);
    });
  }
}

if (process.argv[2] === 'server') serve();
else send(...process.argv.slice(3).map(Number));
