package pawment.interop;

import org.bitcoinj.core.NetworkParameters;
import org.bitcoinj.params.RegTestParams;

/** The regtest of a coin as far as channels see it: address bytes, a name, and no limit on money, since Dogecoin has more than 21 million. */
final class Network extends RegTestParams {
  private Network(String name, int p2sh) {
    id = "pawment.interop." + name;
    p2shHeader = p2sh;
  }

  static NetworkParameters named(String name) {
    return switch (name) {
      case "dogecoin-regtest", "bitcoin-regtest" -> new Network(name, 196);
      case "litecoin-regtest" -> new Network(name, 58);
      default -> throw new IllegalArgumentException("no network " + name);
    };
  }

  @Override
  public boolean hasMaxMoney() {
    return false;
  }
}
