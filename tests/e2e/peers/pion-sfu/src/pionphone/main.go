// The media of a plain RTP phone on pion/rtp and pion/rtcp, for tests; its SIP is the test's. It reports as RFC 3550 and RFC 3611 say, loses
// what it is told to lose, delays its RTCP by a known time, and says in JSON, a line each, what the other side reports.
//
//	pion-phone -port 20000 -to 127.0.0.1:30000 -rtcp 127.0.0.1:30001 [-video file.h264] [-quiet] [-delay 40ms] [-reference]
//
// On stdin: "lose xx.d." (a pattern of packets to lose, x, or to send twice, d, over and over; empty: none), "remb 400000" (again each half second; 0: no more).
//
// Lines: {"event":"voip",…} {"event":"statistics",…} {"event":"dlrr","ms":…} {"event":"reference"} {"event":"remb","bits":…} {"event":"received","bytes":…,"seconds":…}
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v3/pkg/media/h264reader"
)

var (
	port      = flag.Int("port", 0, "ours for RTP; RTCP's is the next")
	to        = flag.String("to", "", "where RTP goes")
	rtcpTo    = flag.String("rtcp", "", "where RTCP goes")
	file      = flag.String("video", "", "H.264 in Annex B, played in a loop; else PCMU silence")
	quiet     = flag.Bool("quiet", false, "sends no media")
	delay     = flag.Duration("delay", 0, "of RTCP, each way")
	reference = flag.Bool("reference", false, "asks for the round trip by receiver reference times")
)

const ssrc = 0x70686f6e

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func say(line map[string]interface{}) {
	text, err := json.Marshal(line)
	must(err)
	fmt.Println(string(text))
}

func ntp(t time.Time) uint64 {
	seconds := uint64(t.Unix()) + 2208988800
	return seconds<<32 | uint64(t.Nanosecond())<<32/1e9
}

func middle(ntp uint64) uint32 { return uint32(ntp >> 16) }

type phone struct {
	mu               sync.Mutex
	media, control   *net.UDPConn
	there, theirs    *net.UDPAddr
	lose             string
	at               int
	remb             uint64
	sentPackets      uint32
	sentBytes        uint32
	rtpTime          uint32
	peer             uint32 // SSRC
	first, highest   uint16
	got              bool
	received         uint64 // bytes
	lastReport       uint32
	lastReportAt     time.Time
	theirReference   uint32
	theirReferenceAt time.Time
	theirReporter    uint32
}

func (p *phone) send(packet *rtp.Packet) {
	raw, err := packet.Marshal()
	must(err)
	p.mu.Lock()
	times := 1
	if p.lose != "" {
		switch p.lose[p.at%len(p.lose)] {
		case 'x':
			times = 0
		case 'd':
			times = 2
		}
	}
	p.at++
	p.sentPackets++
	p.sentBytes += uint32(len(packet.Payload))
	p.rtpTime = packet.Timestamp
	p.mu.Unlock()
	for ; times > 0; times-- {
		_, _ = p.media.WriteToUDP(raw, p.there)
	}
}

func (p *phone) talk() {
	packetizer := rtp.NewPacketizer(1200, 0, ssrc, &codecs.G711Payloader{}, rtp.NewRandomSequencer(), 8000)
	for range time.Tick(20 * time.Millisecond) {
		for _, packet := range packetizer.Packetize(bytes.Repeat([]byte{0xFF}, 160), 160) {
			p.send(packet)
		}
	}
}

func (p *phone) show(path string) {
	packetizer := rtp.NewPacketizer(1200, 97, ssrc, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), 90000)
	for {
		data, err := os.ReadFile(path)
		must(err)
		reader, err := h264reader.NewReader(bytes.NewReader(data))
		must(err)
		var unit []byte
		for {
			nal, err := reader.NextNAL()
			if err != nil {
				break
			}
			unit = append(append(unit, 0, 0, 0, 1), nal.Data...)
			if nal.UnitType != h264reader.NalUnitTypeCodedSliceIdr && nal.UnitType != h264reader.NalUnitTypeCodedSliceNonIdr {
				continue
			}
			for _, packet := range packetizer.Packetize(unit, 3600) {
				p.send(packet)
			}
			unit = nil
			time.Sleep(40 * time.Millisecond)
		}
	}
}

func (p *phone) listen() {
	buffer := make([]byte, 2048)
	for {
		n, err := p.media.Read(buffer)
		if err != nil {
			return
		}
		var packet rtp.Packet
		if packet.Unmarshal(buffer[:n]) != nil {
			continue
		}
		p.mu.Lock()
		if !p.got {
			p.got, p.first, p.highest, p.peer = true, packet.SequenceNumber, packet.SequenceNumber, packet.SSRC
		}
		if int16(packet.SequenceNumber-p.highest) > 0 {
			p.highest = packet.SequenceNumber
		}
		p.received += uint64(n)
		p.mu.Unlock()
	}
}

func (p *phone) heard(packets []rtcp.Packet) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range packets {
		switch report := each.(type) {
		case *rtcp.SenderReport:
			p.lastReport, p.lastReportAt = middle(report.NTPTime), now
		case *rtcp.ReceiverEstimatedMaximumBitrate:
			say(map[string]interface{}{"event": "remb", "bits": report.Bitrate, "ssrcs": report.SSRCs})
		case *rtcp.ExtendedReport:
			for _, block := range report.Reports {
				switch block := block.(type) {
				case *rtcp.ReceiverReferenceTimeReportBlock:
					p.theirReference, p.theirReferenceAt, p.theirReporter = middle(block.NTPTimestamp), now, report.SenderSSRC
					say(map[string]interface{}{"event": "reference"})
				case *rtcp.DLRRReportBlock:
					for _, one := range block.Reports {
						trip := middle(ntp(now)) - one.LastRR - one.DLRR
						say(map[string]interface{}{"event": "dlrr", "ms": float64(int32(trip)) * 1000 / 65536, "ssrc": one.SSRC})
					}
				case *rtcp.StatisticsSummaryReportBlock:
					say(map[string]interface{}{"event": "statistics", "ssrc": block.SSRC, "begin": block.BeginSeq, "end": block.EndSeq, "has_lost": block.LossReports,
						"has_duplicates": block.DuplicateReports, "has_jitter": block.JitterReports, "lost": block.LostPackets, "duplicates": block.DupPackets,
						"least": block.MinJitter, "most": block.MaxJitter, "mean": block.MeanJitter, "deviation": block.DevJitter})
				case *rtcp.VoIPMetricsReportBlock:
					say(map[string]interface{}{"event": "voip", "ssrc": block.SSRC, "loss": float64(block.LossRate) / 256, "discarded": float64(block.DiscardRate) / 256,
						"burst_density": float64(block.BurstDensity) / 256, "gap_density": float64(block.GapDensity) / 256, "burst_ms": block.BurstDuration,
						"gap_ms": block.GapDuration, "round_trip_ms": block.RoundTripDelay, "end_system_ms": block.EndSystemDelay, "gmin": block.Gmin,
						"rating": block.RFactor, "listening": block.MOSLQ, "conversation": block.MOSCQ, "buffer_ms": block.JBNominal, "buffer_most_ms": block.JBAbsMax})
				}
			}
		}
	}
}

func (p *phone) hear() {
	buffer := make([]byte, 2048)
	for {
		n, err := p.control.Read(buffer)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buffer[:n])
		if err != nil {
			log.Printf("what pion does not understand: %v: %x", err, buffer[:n])
			continue
		}
		time.AfterFunc(*delay, func() { p.heard(packets) })
	}
}

func (p *phone) report() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	var blocks []rtcp.ReceptionReport
	if p.got {
		block := rtcp.ReceptionReport{SSRC: p.peer, LastSequenceNumber: uint32(p.highest)}
		if p.lastReport != 0 {
			block.LastSenderReport, block.Delay = p.lastReport, uint32(now.Sub(p.lastReportAt).Seconds()*65536)
		}
		blocks = append(blocks, block)
	}
	packets := []rtcp.Packet{&rtcp.ReceiverReport{SSRC: ssrc, Reports: blocks}}
	if !*quiet {
		packets[0] = &rtcp.SenderReport{SSRC: ssrc, NTPTime: ntp(now), RTPTime: p.rtpTime, PacketCount: p.sentPackets, OctetCount: p.sentBytes, Reports: blocks}
	}
	packets = append(packets, rtcp.NewCNAMESourceDescription(ssrc, "phone"))
	extended := &rtcp.ExtendedReport{SenderSSRC: ssrc}
	if *reference {
		extended.Reports = append(extended.Reports, &rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: ntp(now)})
	}
	if p.theirReference != 0 {
		extended.Reports = append(extended.Reports, &rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{
			{SSRC: p.theirReporter, LastRR: p.theirReference, DLRR: uint32(now.Sub(p.theirReferenceAt).Seconds() * 65536)}}})
		p.theirReference = 0
	}
	if len(extended.Reports) > 0 {
		packets = append(packets, extended)
	}
	if p.remb != 0 && p.peer != 0 {
		packets = append(packets, &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: ssrc, Bitrate: float32(p.remb), SSRCs: []uint32{p.peer}})
	}
	raw, err := rtcp.Marshal(packets)
	must(err)
	time.AfterFunc(*delay, func() { _, _ = p.control.WriteToUDP(raw, p.theirs) })
	say(map[string]interface{}{"event": "received", "bytes": p.received, "seconds": float64(now.UnixMicro()) / 1e6})
}

func main() {
	flag.Parse()
	p := &phone{}
	var err error
	p.there, err = net.ResolveUDPAddr("udp4", *to)
	must(err)
	p.theirs, err = net.ResolveUDPAddr("udp4", *rtcpTo)
	must(err)
	here := net.ParseIP("127.0.0.1")
	p.media, err = net.ListenUDP("udp4", &net.UDPAddr{IP: here, Port: *port})
	must(err)
	p.control, err = net.ListenUDP("udp4", &net.UDPAddr{IP: here, Port: *port + 1})
	must(err)
	go p.listen()
	go p.hear()
	if !*quiet && *file == "" {
		go p.talk()
	}
	if !*quiet && *file != "" {
		go p.show(*file)
	}
	go func() {
		for range time.Tick(500 * time.Millisecond) {
			p.report()
		}
	}()
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		word, rest, _ := strings.Cut(commands.Text(), " ")
		p.mu.Lock()
		switch word {
		case "lose":
			p.lose, p.at = rest, 0
		case "remb":
			_, _ = fmt.Sscan(rest, &p.remb)
		default:
			log.Fatal("what is ", word, "?")
		}
		p.mu.Unlock()
	}
}
