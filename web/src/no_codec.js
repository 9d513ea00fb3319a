// In place of decoders that the stores do not need.
export default {
  fromConfig() {
    throw new Error("compressed by a codec that this page does not hold");
  },
};
