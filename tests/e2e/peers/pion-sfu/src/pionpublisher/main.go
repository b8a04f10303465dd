// A WHIP publisher of ready-made pictures on pion/webrtc v3, for tests: simulcast without the cost of a browser's encoders.
//
//	pion-publisher -ip 127.0.0.1 -url http://HOST/whip/ROOM/NAME h=large.h264 m=medium.h264 l=small.h264
//
// Each file is a layer: H.264 in Annex B with a picture a slice and keyframes every second or so, played in a loop at -fps.
// Packets name their layer (mid, rid) throughout; lost ones are sent again. Keyframes are not made when asked for.
package main

import (
	"bytes"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v3"
	"github.com/pion/webrtc/v3/pkg/media/h264reader"
)

var (
	ip  = flag.String("ip", "127.0.0.1", "the only address of ours")
	url = flag.String("url", "", "WHIP endpoint")
	fps = flag.Int("fps", 25, "pictures a second")
)

const (
	midURI = "urn:ietf:params:rtp-hdrext:sdes:mid"
	ridURI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// pictures cuts a file into access units: parameter sets go with the picture behind them.
func pictures(path string) [][]byte {
	data, err := os.ReadFile(path)
	must(err)
	reader, err := h264reader.NewReader(bytes.NewReader(data))
	must(err)
	var all [][]byte
	var unit []byte
	for {
		nal, err := reader.NextNAL()
		if err != nil {
			break
		}
		unit = append(append(unit, 0, 0, 0, 1), nal.Data...)
		if nal.UnitType == h264reader.NalUnitTypeCodedSliceIdr || nal.UnitType == h264reader.NalUnitTypeCodedSliceNonIdr {
			all = append(all, unit)
			unit = nil
		}
	}
	if len(all) == 0 {
		log.Fatal("no pictures in ", path)
	}
	return all
}

func play(track *webrtc.TrackLocalStaticRTP, units [][]byte, extensions map[uint8][]byte) {
	packetizer := rtp.NewPacketizer(1200, 0, 0, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), 90000)
	ticker := time.NewTicker(time.Second / time.Duration(*fps))
	for i := 0; ; i = (i + 1) % len(units) {
		<-ticker.C
		for _, packet := range packetizer.Packetize(units[i], uint32(90000 / *fps)) {
			for id, value := range extensions {
				must(packet.SetExtension(id, value))
			}
			if err := track.WriteRTP(packet); err != nil {
				log.Println("write:", err)
			}
		}
	}
}

func connection() *webrtc.PeerConnection {
	m := &webrtc.MediaEngine{}
	must(m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}}, PayloadType: 108}, webrtc.RTPCodecTypeVideo))
	for _, uri := range []string{midURI, ridURI} {
		must(m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo))
	}
	registry := &interceptor.Registry{}
	must(webrtc.RegisterDefaultInterceptors(m, registry))
	settings := webrtc.SettingEngine{}
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIPFilter(func(a net.IP) bool { return a.String() == *ip })
	settings.SetIncludeLoopbackCandidate(net.ParseIP(*ip).IsLoopback())
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	must(err)
	return pc
}

func main() {
	flag.Parse()
	pc := connection()
	var sender *webrtc.RTPSender
	var tracks []*webrtc.TrackLocalStaticRTP
	var files [][][]byte
	for _, layer := range flag.Args() {
		name, path, _ := strings.Cut(layer, "=")
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}, "video", "publisher", webrtc.WithRTPStreamID(name))
		must(err)
		tracks, files = append(tracks, track), append(files, pictures(path))
		if sender != nil {
			must(sender.AddEncoding(track))
			continue
		}
		transceiver, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		must(err)
		sender = transceiver.Sender()
	}
	offer, err := pc.CreateOffer(nil)
	must(err)
	gathered := webrtc.GatheringCompletePromise(pc)
	must(pc.SetLocalDescription(offer))
	<-gathered
	response, err := http.Post(*url, "application/sdp", strings.NewReader(pc.LocalDescription().SDP))
	must(err)
	answer, err := io.ReadAll(response.Body)
	must(err)
	if response.StatusCode != 201 {
		log.Fatal(response.Status, " ", string(answer))
	}
	connected := make(chan struct{})
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		log.Println(state)
		if state == webrtc.PeerConnectionStateConnected {
			close(connected)
		}
		if state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateClosed {
			os.Exit(1)
		}
	})
	must(pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}))
	<-connected
	mid := pc.GetTransceivers()[0].Mid()
	for i, track := range tracks {
		extensions := map[uint8][]byte{}
		for _, extension := range sender.GetParameters().HeaderExtensions {
			switch extension.URI {
			case midURI:
				extensions[uint8(extension.ID)] = []byte(mid)
			case ridURI:
				extensions[uint8(extension.ID)] = []byte(track.RID())
			}
		}
		go play(track, files[i], extensions)
	}
	go func() {
		buffer := make([]byte, 1500)
		for {
			if _, _, err := sender.Read(buffer); err != nil { // lets the interceptors see NACKs
				return
			}
		}
	}()
	select {}
}
