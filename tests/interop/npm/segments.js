"use strict";
// Standard input: a JSON list of texts. Standard output: for each [coding, [bits of text in each part]].
const { SegmentedMessage } = require("sms-segments-calculator");

const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answers = texts.map((text) => {
  const message = new SegmentedMessage(text);
  return [message.encodingName, message.segments.map((part) => part.messageSizeInBits())];
});
process.stdout.write(JSON.stringify(answers));
