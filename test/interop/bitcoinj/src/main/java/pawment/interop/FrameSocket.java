package pawment.interop;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.function.Consumer;
import org.bitcoin.paymentchannel.Protos.TwoWayChannelMessage;

/** bitcoinj's frames over a socket of our own: each is one write without delay, and all are out before the end. */
final class FrameSocket {
  private final Socket socket;
  private volatile boolean ended;

  FrameSocket(Socket socket) throws IOException {
    this.socket = socket;
    socket.setTcpNoDelay(true);
  }

  synchronized void send(TwoWayChannelMessage message) {
    byte[] body = message.toByteArray();
    try {
      socket.getOutputStream().write(ByteBuffer.allocate(4 + body.length).putInt(body.length).put(body).array());
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  /** Passes on what arrives until either side ends the connection. */
  void receive(Consumer<TwoWayChannelMessage> take) throws IOException {
    try (socket) {
      DataInputStream in = new DataInputStream(socket.getInputStream());
      while (true) {
        int length = in.readInt();
        if (length < 0 || length > Short.MAX_VALUE) return;
        TwoWayChannelMessage message = TwoWayChannelMessage.parseFrom(in.readNBytes(length));
        if (!ended) take.accept(message);
      }
    } catch (EOFException end) {
      return;
    }
  }

  /** Nothing more is said; what has been said still arrives. */
  void end() {
    ended = true;
    try {
      socket.shutdownOutput();
    } catch (IOException alreadyGone) {
      return;
    }
  }
}
