/**
 * A program that sends frames as they are, for guests without a language of their own; `frame-sender.s` beside this file
 * says how it is spoken to. Made from it: as --64 -o s.o frame-sender.s && ld -N -s -o s s.o &&
 * strip -R .note.gnu.property s && base64 -w 96 s
 */
const program =
  'f0VMRgIBAQAAAAAAAAAAAAIAPgABAAAAeABAAAAAAABAAAAAAAAAADABAAAAAAAAAAAAAEAAOAABAEAAAwACAAEAAAAHAAAA' +
  'eAAAAAAAAAB4AEAAAAAAAHgAQAAAAAAAoQAAAAAAAAChAAAAAAAAAAEAAAAAAAAAuCkAAAC/EQAAAL4DAAAAMdIPBYXAeGFB' +
  'icRIgewAAAEASYnlRTH2McAx/0uNdDUAugAAAQBEKfIPBYXAfgVBAcbr5E0B7kmNdQJMOfZ3NUEPt1UAhtZMjSwWuCwAAABE' +
  'iedFMdJMjQUhAAAAQbkUAAAADwWFwHnOuDwAAAC/AQAAAA8FuDwAAAAx/w8FEQAAAAIAAAAAAAAAAAAAAAAAAAAALnNoc3Ry' +
  'dGFiAC50ZXh0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' +
  'AAAAAAAAAAALAAAAAQAAAAcAAAAAAAAAeABAAAAAAAB4AAAAAAAAAKEAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAA' +
  'AQAAAAMAAAAAAAAAAAAAAAAAAAAAAAAAGQEAAAAAAAARAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAA==';

/** The words of a shell that make the program in a guest. */
export const senderMake = `echo ${program} | base64 -d > sender && chmod +x sender`;

/** The words of a shell that send frames from the guest's first interface. */
export function senderRun(frames: readonly Buffer[]): string {
  const said = frames.map((frame) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(frame.length);
    return Buffer.concat([length, frame]);
  });
  return `echo ${Buffer.concat(said).toString('base64')} | base64 -d | sudo ./sender`;
}
