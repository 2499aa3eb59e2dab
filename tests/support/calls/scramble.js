onrtctransform = ({transformer: {readable, writable}}) => {
  readable.pipeThrough(new TransformStream({
    transform(frame, out) {
      const bytes = new Uint8Array(frame.data);
      for (let i = 12; i < bytes.length; i++) bytes[i] ^= 0x5a;
      frame.data = bytes.buffer;
      out.enqueue(frame);
    },
  })).pipeTo(writable);
};
